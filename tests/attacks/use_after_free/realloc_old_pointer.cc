// attack: realloc moves a block; the program goes on writing through the old pointer
// fault: use-after-free
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: fast,hardened * survives
// hakmem: * * write-after-free@reuse
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* stale = attack::take(size_bytes);
  attack::take(24);
  const char* moved = attack::resize(stale, size_bytes + 30000);
  if (moved == stale) attack::broken("realloc grew in place");
  char* victim = attack::take(size_bytes);
  std::memset(victim, 'v', size_bytes);
  attack::begin_misuse();
  attack::poke<uint64_t>(stale, 8, 0x4141414141414141);
  attack::end_misuse();
  if (attack::peek<char>(victim, 8) == 'A') attack::succeeded("the victim's content was rewritten");
  attack::churn(size_bytes);
  attack::failed("the victim's content was rewritten");
}
