// attack: read a freed block beyond glibc's thread cache: its links point into libc
// fault: information-leak
// cases: 1500 5000 20000
// glibc: * succeeds
// hakmem: * * survives
#include <cstdio>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  constexpr size_t kBlocks = 100;
  char* blocks[kBlocks];
  for (char*& block : blocks) {
    block = attack::take(size_bytes);
    std::memset(block, 0, size_bytes);
    attack::take(24);
  }
  for (char* block : blocks) attack::give(block);
  attack::begin_misuse();
  const uintptr_t library = attack::address(stderr);
  for (char* block : blocks) {
    for (size_t offset = 0; offset + 8 <= size_bytes; offset += 8) {
      const uintptr_t word = attack::peek<uintptr_t>(block, static_cast<ptrdiff_t>(offset));
      const uintptr_t distance = word > library ? word - library : library - word;
      if (distance < 8 << 20) attack::succeeded("a libc address was read from a freed block");
    }
  }
  attack::end_misuse();
  attack::failed("a libc address was read from a freed block");
}
