// attack: a thread frees a block and ends; the main thread gets it; the old pointer still writes
// fault: use-after-free
// cases: 24 104
// glibc: * succeeds
// hakmem: fast,hardened * survives
// hakmem: * * write-after-free@reuse
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* stale = attack::take(size_bytes);
  attack::in_thread([](void* given) { attack::give(given); }, stale);
  char* victim = attack::take(size_bytes);
  std::memset(victim, 'v', size_bytes);
  attack::begin_misuse();
  attack::poke<uint64_t>(stale, 8, 0x4141414141414141);
  attack::end_misuse();
  if (attack::peek<char>(victim, 8) == 'A') attack::succeeded("the victim's content was rewritten");
  attack::churn(size_bytes);
  attack::failed("the victim's content was rewritten");
}
