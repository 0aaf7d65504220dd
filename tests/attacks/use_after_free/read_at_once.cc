// attack: read a secret from a block right after it was freed
// fault: use-after-free
// cases: 64 200 1000 5000 100000
// glibc: * succeeds
// hakmem: fast,hardened * succeeds
// hakmem: * 100000 use-after-free@at-call
// hakmem: * * survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::take(24);
  std::memset(block, 's', size_bytes);
  attack::give(block);
  attack::begin_misuse();
  const bool leaked = attack::peek<char>(block, 40) == 's';
  attack::end_misuse();
  attack::judge(leaked, "a freed secret was read");
}
