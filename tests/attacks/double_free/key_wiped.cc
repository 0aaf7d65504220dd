// attack: write over the freed block, wiping glibc's double-free mark, then free it again
// fault: double-free
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::give(block);
  attack::poke<uint64_t>(block, 8, 0);
  attack::begin_misuse(block);
  attack::give(block);
  attack::end_misuse();
  const char* first = attack::take(size_bytes);
  attack::judge(first == attack::take(size_bytes), "one block was handed out twice");
}
