// attack: flip one bit of a live block's header, then free it
// fault: corrupt-header
// cases: 0 1 2 3 4 5 6 7
// range: tiny
// glibc: 0 survives
// glibc: 1 abort "munmap_chunk(): invalid pointer"
// glibc: 2 segv@at-free
// glibc: 3 abort "free(): invalid size"
// glibc: 5 abort "free(): invalid pointer"
// glibc: * succeeds
// hakmem: * * corrupt-header@at-free
#include "attack.h"

int main(int argc, char** argv) {
  const unsigned bit = static_cast<unsigned>(attack::size_argument(argc, argv));
  constexpr size_t kBytes = 24;
  char* block = attack::take(kBytes);
  const ptrdiff_t where = attack::against_hakmem() ? -1 : -8;
  attack::begin_misuse();
  const uint8_t header = attack::peek<uint8_t>(block, where);
  attack::poke<uint8_t>(block, where, static_cast<uint8_t>(header ^ (1U << bit)));
  attack::end_misuse();
  attack::begin_free();
  attack::give(block);
  attack::end_free();
  attack::judge(attack::take(kBytes) != block, "the block went to another list");
}
