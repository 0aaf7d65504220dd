// attack: read a secret from a freed large block a second later
// fault: use-after-free
// cases: 100000 1048576
// glibc: 100000 succeeds
// glibc: * segv@at-call
// hakmem: * * survives or segv@at-call
#include <unistd.h>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::take(24);
  std::memset(block, 's', size_bytes);
  attack::give(block);
  for (int round = 0; round < 3; ++round) {
    usleep(300000);
    attack::churn(size_bytes + 65536);  // gives the allocator every occasion to return memory
  }
  attack::begin_misuse();
  const bool leaked = attack::peek<char>(block, 50000) == 's';
  attack::end_misuse();
  attack::judge(leaked, "a freed secret was read");
}
