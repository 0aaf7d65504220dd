// attack: free an over-aligned block twice
// fault: double-free
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include <cstdlib>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  void* block = nullptr;
  if (posix_memalign(&block, 256, size_bytes) != 0) attack::broken("posix_memalign");
  attack::give(block);
  attack::poke<uint64_t>(block, 8, 0);
  attack::begin_misuse(block);
  attack::give(block);
  attack::end_misuse();
  const char* first = attack::take(size_bytes);
  attack::judge(first == attack::take(size_bytes), "one block was handed out twice");
}
