// attack: fill the heap with victims first, then write at any multiple of the slot size: whatever
// attack: is there is a victim, and no header is touched
// fault: layout-guess
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * succeeds
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  for (size_t i = 0; i < row.count(); ++i) std::memset(row[i], 'v', size_bytes);
  char* attacker = row[row.count() / 2];
  attack::begin_misuse();
  for (ptrdiff_t i = 1; i <= 4; ++i) {
    const ptrdiff_t distance = i * static_cast<ptrdiff_t>(row.stride_bytes());
    attack::poke<uint64_t>(attacker, distance + 8, 0x4141414141414141);
  }
  attack::end_misuse();
  bool rewritten = false;
  for (size_t i = 0; i < row.count(); ++i) rewritten |= attack::peek<char>(row[i], 8) == 'A';
  attack::begin_free();
  row.free_all_but(nullptr);
  attack::end_free();
  attack::judge(rewritten, "a victim was rewritten and everything could be freed");
}
