// attack: read one byte of a block just freed, two hundred thousand times over: without sampled
// attack: guard slots every one of the reads passes
// fault: use-after-free
// cases: 64 200
// glibc: * succeeds
// hakmem: * * succeeds
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::begin_misuse();
  uint64_t sum = 0;
  for (int i = 0; i < 200000; ++i) {
    char* block = attack::take(size_bytes);
    attack::give(block);
    sum += static_cast<unsigned char>(attack::peek<char>(block, 40));
  }
  attack::end_misuse();
  attack::judge(sum < ~uint64_t{0}, "no read of freed memory was stopped");
}
