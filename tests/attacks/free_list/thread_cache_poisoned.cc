// attack: overwrite the link in a freed block: the second next request gets an address the attacker
// attack: chose
// fault: write-after-free
// cases: 24 100 200 1000
// glibc: * succeeds
// hakmem: fast,hardened * survives
// hakmem: * * write-after-free@reuse
#include "attack.h"

namespace {
alignas(16) char target[2048];
}

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* a = attack::take(size_bytes);
  char* b = attack::take(size_bytes);
  attack::give(a);
  attack::give(b);
  attack::begin_misuse();
  attack::poke<uintptr_t>(b, 0, attack::mangle(b, target));
  attack::end_misuse();
  attack::take(size_bytes);
  if (attack::take(size_bytes) == target) attack::succeeded("malloc returned a chosen address");
  attack::churn(size_bytes);
  attack::failed("malloc returned a chosen address");
}
