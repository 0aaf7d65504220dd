// attack: read a secret from a freed block after thousands of other operations
// fault: use-after-free
// cases: 64 100 200 1000 5000
// glibc: * succeeds
// hakmem: fast * succeeds
// hakmem: hardened 64,100,200,1000,5000 succeeds
// hakmem: * * survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::take(24);
  std::memset(block, 's', size_bytes);
  attack::give(block);
  attack::churn(size_bytes);
  attack::begin_misuse();
  const bool leaked = attack::peek<char>(block, 40) == 's';
  attack::end_misuse();
  attack::judge(leaked, "a freed secret was read");
}
