// attack: shrink the wilderness's size by an overflow; the next larger request frees the old
// attack: wilderness, which nobody ever allocated
// fault: overflow
// cases: 24 1000
// glibc: * succeeds
// hakmem: fast * survives
// hakmem: * * overflow@at-free
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  const ptrdiff_t end = static_cast<ptrdiff_t>(attack::usable(block));
  const uintptr_t top = attack::address(block) + static_cast<uintptr_t>(end) - 8;
  const uintptr_t page_end = (top + 0x2000) & ~uintptr_t{4095};
  attack::begin_misuse();
  attack::poke<size_t>(block, end, (page_end - top) | attack::kPreviousInUse);
  attack::end_misuse();
  const uintptr_t before = attack::peek<uintptr_t>(block, end + 8);
  attack::take(0x5000);
  const uintptr_t after = attack::peek<uintptr_t>(block, end + 8);
  if (before != after) attack::succeeded("memory was freed that nobody had allocated");
  attack::begin_free();
  attack::give(block);
  attack::end_free();
  attack::failed("memory was freed that nobody had allocated");
}
