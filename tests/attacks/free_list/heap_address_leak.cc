// attack: read a freed block: a free-list link in it tells where the heap is
// fault: information-leak
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  constexpr size_t kBlocks = 200;
  char* blocks[kBlocks];
  for (char*& block : blocks) {
    block = attack::take(size_bytes);
    std::memset(block, 0, size_bytes);
  }
  for (char* block : blocks) attack::give(block);
  attack::begin_misuse();
  for (char* block : blocks) {
    for (size_t offset = 0; offset + 8 <= size_bytes; offset += 8) {
      const uintptr_t word = attack::peek<uintptr_t>(block, static_cast<ptrdiff_t>(offset));
      // A plain pointer near the block, or one that safe linking has shifted by a page.
      const bool plain = (word ^ attack::address(block)) >> 30 == 0;
      const bool shifted = (word ^ (attack::address(block) >> 12)) >> 18 == 0;
      if (plain || shifted) attack::succeeded("a heap address was read from a freed block");
    }
  }
  attack::end_misuse();
  attack::failed("a heap address was read from a freed block");
}
