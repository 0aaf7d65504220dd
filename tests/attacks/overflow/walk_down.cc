// attack: write downwards from a block, a word a page, until something stops it; glibc's free lists
// attack: lie on the way, at the start of the heap
// fault: metadata-write
// cases: 24 1000 100000
// glibc: * segv@at-call
// hakmem: * * segv@at-call
#include "attack.h"

int main(int argc, char** argv) {
  char* block = attack::take(attack::size_argument(argc, argv));
  attack::begin_misuse();
  constexpr ptrdiff_t kLimit = ptrdiff_t{1} << 33;
  for (ptrdiff_t offset = 4096; offset < kLimit; offset += 4096) {
    attack::poke<uint64_t>(block, -offset, 0x4141414141414141);
  }
  attack::end_misuse();
  attack::succeeded("eight gigabytes were writable");
}
