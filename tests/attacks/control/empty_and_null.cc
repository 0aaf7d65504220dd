// attack: none: the corners of the C standard: empty blocks are distinct, null may be freed
// fault: none
// cases: -
// glibc: * clean
// hakmem: * * clean
#include <cerrno>
#include <cstdlib>
#include <new>

#include "attack.h"

int main() {
  constexpr size_t kBlocks = 1000;
  static char* blocks[kBlocks];
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks[i] = i % 2 == 0 ? attack::take(0) : attack::take_zeroed(0, 8);
    if (blocks[i] == nullptr) attack::broken("an empty block is null");
    for (size_t k = 0; k < i; ++k) {
      if (blocks[k] == blocks[i]) attack::broken("two empty blocks are one");
    }
  }
  for (char* block : blocks) attack::give(block);
  errno = EDOM;
  attack::give(nullptr);
  ::operator delete(nullptr);
  ::operator delete[](nullptr, size_t{8});
  if (errno != EDOM) attack::broken("free changed errno");
  if (attack::usable(nullptr) != 0) attack::broken("null has a size");
  char* block = attack::resize(nullptr, 40);
  attack::give(block);
  errno = 0;
  if (attack::take(attack::opaque(SIZE_MAX / 2 + 1)) != nullptr || errno != ENOMEM) {
    attack::broken("a request beyond PTRDIFF_MAX was not refused with ENOMEM");
  }
  attack::clean("the corners hold");
}
