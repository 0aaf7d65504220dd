// attack: write eight bytes behind a block, the whole of glibc's size field
// fault: overflow
// cases: 24 200 504 1000 2040 5000 20000
// glibc: * succeeds
// hakmem: fast * corrupt-header@at-free
// hakmem: * * overflow@at-free
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  const attack::Pair pair = row.neighbours();
  const size_t forged_bytes = 512;  // fits the thread cache, whatever the real size is
  attack::begin_misuse();
  attack::poke<size_t>(pair.left, row.end_of(pair.left), forged_bytes | attack::kPreviousInUse);
  attack::end_misuse();
  attack::begin_free();
  if (attack::against_hakmem()) attack::give(pair.left);
  attack::give(pair.right);
  attack::end_free();
  attack::judge(attack::take(forged_bytes - 8) == pair.right,
                "the neighbour was handed out in a size it has not");
}
