// attack: overwrite a block's size field with a larger one and free it: the next request of that
// attack: size overlaps the neighbour
// fault: corrupt-header
// cases: 24 200 984 5000
// glibc: * succeeds
// hakmem: * * corrupt-header@at-free
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  const char* neighbour = attack::take(24);
  attack::take(24);
  const size_t extended_bytes = attack::chunk_bytes(size_bytes) + 32;
  attack::begin_misuse();
  attack::poke<size_t>(block, -8, extended_bytes | attack::kPreviousInUse);
  attack::end_misuse();
  attack::begin_free();
  attack::give(block);
  attack::end_free();
  const char* wide = attack::take(extended_bytes - 8);
  attack::judge(attack::overlap(wide, extended_bytes - 8, neighbour, 24),
                "a block over a live neighbour was handed out");
}
