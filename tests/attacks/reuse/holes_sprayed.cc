// attack: punch a hole behind every second block of a row and place many victims: chance does the
// attack: rest, so this limit is stated and not hidden
// fault: reuse-order
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * succeeds
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  attack::begin_misuse();
  for (size_t i = 1; i < row.count(); i += 2) attack::give(row[i]);
  bool placed = false;
  for (size_t i = 0; i < 8192 && !placed; ++i) {
    const char* victim = attack::take(size_bytes);
    for (size_t k = 1; k < row.count() && !placed; k += 2) placed = row[k] == victim;
  }
  attack::end_misuse();
  attack::judge(placed, "a victim was placed behind one of the attacker's blocks");
}
