// attack: write the first byte that was not asked for, inside what the allocator rounded up to
// fault: overflow
// cases: 20 60 100 996 5004
// glibc: * survives
// hakmem: fast,hardened * survives
// hakmem: * * overflow@at-free
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  char* next = attack::take(size_bytes);
  std::memset(next, 0, size_bytes);
  attack::begin_misuse();
  attack::damage_byte(block, static_cast<ptrdiff_t>(size_bytes), 0x41);
  attack::end_misuse();
  attack::begin_free();
  attack::give(block);
  attack::give(next);
  attack::end_free();
  attack::failed("a byte outside of the request was written, inside of the block");
}
