// attack: free a block, let the next request have it, free the old pointer: the new owner loses it
// fault: double-free
// cases: 24 200 1000 5000 100000
// glibc: * succeeds
// hakmem: * ..32768 double-free@at-call
// hakmem: fast,hardened * succeeds
// hakmem: * * succeeds p<=1/4 in 60
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* stale = attack::take(size_bytes);
  attack::take(24);
  attack::give(stale);
  const char* owner = attack::take(size_bytes);
  attack::begin_misuse(stale);
  attack::give(stale);
  attack::end_misuse();
  attack::judge(owner == attack::take(size_bytes), "a live block was freed under its owner");
}
