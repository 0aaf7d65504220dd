// attack: punch one hole into a row of attacker blocks; the victim is placed in it
// fault: reuse-order
// cases: 24 200 1000 5000
// glibc: * succeeds
// hakmem: * * survives
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  const attack::Pair pair = row.neighbours();
  attack::begin_misuse();
  attack::give(pair.right);
  const char* victim = attack::take(size_bytes);
  attack::end_misuse();
  attack::judge(victim == pair.right, "the victim was placed behind the attacker's block");
}
