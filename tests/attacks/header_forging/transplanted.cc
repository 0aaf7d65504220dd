// attack: write the header of a block of another size over a block's own, then free it
// fault: corrupt-header
// cases: 24 100 200
// glibc: * succeeds
// hakmem: * * corrupt-header@at-free
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  const char* neighbour = attack::take(size_bytes);
  const char* donor = attack::take(1000);
  for (int i = 0; attack::peek<char>(donor, -1) == attack::peek<char>(block, -1) &&
                  attack::against_hakmem(); ++i) {
    donor = attack::take(400 + 100 * static_cast<size_t>(i));  // headers are keyed: want another
  }
  attack::begin_misuse();
  if (attack::against_hakmem()) {
    attack::poke<char>(block, -1, attack::peek<char>(donor, -1));
  } else {
    attack::poke<size_t>(block, -8, attack::peek<size_t>(donor, -8));
  }
  attack::end_misuse();
  attack::begin_free();
  attack::give(block);
  attack::end_free();
  const char* wide = attack::take(1000);
  attack::judge(attack::overlap(wide, 1000, neighbour, size_bytes),
                "a block over a live neighbour was handed out");
}
