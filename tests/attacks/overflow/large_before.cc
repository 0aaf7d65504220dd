// attack: write right before a large block
// fault: underflow
// cases: 40000 100000 200000 1048576
// glibc: * succeeds
// hakmem: fast * succeeds
// hakmem: no-light-guards ..1048575 succeeds
// hakmem: * * segv@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::take(size_bytes);
  char* block = attack::take(size_bytes);
  attack::begin_misuse();
  for (ptrdiff_t offset = -16; offset < 0; offset += 8) {
    attack::poke<uint64_t>(block, offset, 0x4141414141414141);
  }
  attack::end_misuse();
  attack::succeeded("memory before a large block was rewritten");
}
