// attack: overwrite the backward link of a freed block, then calloc: moving the bin to the thread
// attack: cache writes a libc address where the attacker wants
// fault: write-after-free
// cases: 264
// glibc: * succeeds
// hakmem: fast,hardened * survives
// hakmem: * * write-after-free@reuse
#include "attack.h"

namespace {
alignas(16) uintptr_t fake[8];
alignas(16) uintptr_t sink[8];
}  // namespace

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  char* first = attack::take(size_bytes);
  attack::take(24);
  char* second = attack::take(size_bytes);
  attack::take(24);
  cache.fill();
  attack::give(first);
  attack::give(second);
  attack::take(4096);  // sorts both into the small bin
  attack::take(size_bytes);
  attack::take(size_bytes);  // the thread cache has room for two
  attack::poke<uintptr_t*>(fake, 24, sink);
  attack::begin_misuse();
  attack::poke<uintptr_t*>(second, 8, fake);
  attack::end_misuse();
  attack::take_zeroed(1, size_bytes);
  if (attack::peek<uintptr_t>(sink, 16) != 0) attack::succeeded("a chosen address was written");
  attack::churn(size_bytes);
  attack::failed("a chosen address was written");
}
