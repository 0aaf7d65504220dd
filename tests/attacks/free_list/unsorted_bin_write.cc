// attack: overwrite the backward link of a freed block in the unsorted bin
// fault: write-after-free
// cases: 1500 5000
// glibc: * abort "malloc(): unsorted double linked list corrupted"
// hakmem: fast,hardened * survives
// hakmem: * * write-after-free@reuse
#include "attack.h"

namespace {
uintptr_t target[4];
}

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::take(24);
  attack::give(block);
  attack::begin_misuse();
  attack::poke<uintptr_t*>(block, 8, target);
  attack::end_misuse();
  attack::take(size_bytes);
  if (attack::peek<uintptr_t>(target, 16) != 0) attack::succeeded("a chosen address was written");
  attack::churn(size_bytes);
  attack::failed("a chosen address was written");
}
