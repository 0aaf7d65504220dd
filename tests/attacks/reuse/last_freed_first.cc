// attack: the block freed last is the one handed out next: the basis of most use-after-free
// attack: exploits
// fault: reuse-order
// cases: 24 200 1000 5000 20000 100000
// glibc: * succeeds
// hakmem: fast,hardened 100000 succeeds
// hakmem: * 100000 succeeds p<=1/4 in 60
// hakmem: * * survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  const char* block = attack::take(size_bytes);
  attack::take(24);
  attack::begin_misuse();
  attack::give(const_cast<char*>(block));
  const char* next = attack::take(size_bytes);
  attack::end_misuse();
  attack::judge(next == block, "the block freed last came back first");
}
