// attack: free a block, let a victim have the next one of its size, write through the old pointer
// fault: use-after-free
// cases: 24 200 1000 5000 20000 100000
// glibc: * succeeds
// hakmem: fast 100000 succeeds
// hakmem: * 100000 succeeds or survives or segv@at-call
// hakmem: fast,hardened * survives
// hakmem: * * write-after-free@reuse
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* stale = attack::take(size_bytes);
  attack::take(24);
  attack::give(stale);
  char* victim = attack::take(size_bytes);
  std::memset(victim, 'v', size_bytes);
  attack::begin_misuse();
  attack::poke<uint64_t>(stale, 8, 0x4141414141414141);
  attack::end_misuse();
  if (std::memchr(victim, 'A', size_bytes) != nullptr) {
    attack::succeeded("the victim's content was rewritten");
  }
  attack::churn(size_bytes);
  attack::failed("the victim's content was rewritten");
}
