// attack: memset a whole page behind a block
// fault: overflow
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: fast * corrupt-header@at-free
// hakmem: * * overflow@at-free
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  const attack::Pair pair = row.neighbours();
  std::memset(pair.right, 'v', size_bytes);
  attack::begin_misuse();
  std::memset(attack::hide(pair.left) + row.end_of(pair.left), 'A', 4096);
  attack::end_misuse();
  attack::begin_free();
  attack::give(pair.left);
  if (attack::against_hakmem()) attack::give(pair.right);
  attack::end_free();
  attack::judge(attack::peek<char>(pair.right, 1) == 'A', "a page of neighbours was rewritten");
}
