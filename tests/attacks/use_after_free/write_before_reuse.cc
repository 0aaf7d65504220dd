// attack: write to a block that was freed long ago; whoever gets it next finds the attacker's bytes
// fault: write-after-free
// cases: 24 100 200 1000 5000
// glibc: * succeeds
// hakmem: fast,hardened * succeeds
// hakmem: * * write-after-free@reuse
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  const attack::Row row(size_bytes);  // keeps the slab in use
  char* stale = row[row.count() / 2];
  attack::give(stale);
  attack::churn(size_bytes);
  attack::begin_misuse();
  attack::poke<uint64_t>(stale, 16, 0x4141414141414141);
  attack::end_misuse();
  const char* owner = attack::take_until(stale, size_bytes);
  if (owner == nullptr) attack::failed("the block never came back");
  attack::judge(attack::peek<char>(owner, 16) == 'A', "fresh memory held the attacker's bytes");
}
