// attack: write at a fixed distance, where the attacker expects its victim: two requests after each
// attack: other are neighbours in glibc
// fault: layout-guess
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: fast * succeeds
// hakmem: * * succeeds p<=1/4 in 300
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* attacker = attack::take(size_bytes);
  char* victim = attack::take(size_bytes);
  const size_t stride_bytes = attack::against_hakmem()
                                  ? ((attack::usable(attacker) + 16) & ~size_t{15})
                                  : attack::chunk_bytes(size_bytes);
  // Writing anywhere else would be a guess gone wrong; the attacker gets one.
  attack::judge(attacker + stride_bytes == victim, "the victim was where the attacker expected it");
}
