// attack: write through an old pointer into a slab that was given back and is cut anew: no record
// attack: of the old block is left to compare with
// fault: write-after-free
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: fast,hardened * succeeds or survives
// hakmem: * * write-after-free@reuse or succeeds or survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* stale = attack::take(size_bytes);
  attack::give(stale);
  attack::churn(size_bytes);  // leaves all slabs of the size empty
  attack::begin_misuse();
  attack::poke<uint64_t>(stale, 16, 0x4141414141414141);
  attack::end_misuse();
  const char* owner = attack::take_until(stale, size_bytes);
  if (owner == nullptr) attack::failed("the memory never came back");
  attack::judge(attack::peek<char>(owner, 16) == 'A', "fresh memory held the attacker's bytes");
}
