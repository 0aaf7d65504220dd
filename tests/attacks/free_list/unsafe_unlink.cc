// attack: fake a free chunk inside a block, overflow into the next block's size field, free that:
// attack: the merge rewrites a global pointer
// fault: corrupt-header
// cases: 1048
// glibc: * succeeds
// hakmem: fast,hardened * corrupt-header@at-free
// hakmem: * * overflow@at-free
#include "attack.h"
#include "row.h"

namespace {
char* links[4];  // links[3] is the pointer under attack
}

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  const attack::Pair pair = row.neighbours();
  const ptrdiff_t end = row.end_of(pair.left);
  links[3] = pair.left;
  attack::begin_misuse();
  attack::poke<size_t>(pair.left, 8, size_bytes - 8);
  attack::poke<char**>(pair.left, 16, &links[0]);
  attack::poke<char**>(pair.left, 24, &links[1]);
  attack::poke<size_t>(pair.left, end - 8, size_bytes - 8);
  attack::poke<size_t>(pair.left, end, attack::chunk_bytes(size_bytes));
  attack::end_misuse();
  attack::begin_free();
  attack::give(pair.right);
  char* rewritten = attack::peek<char*>(&links[3], 0);
  if (rewritten == pair.left) attack::give(pair.left);
  attack::end_free();
  attack::judge(rewritten == reinterpret_cast<char*>(&links[0]), "a global pointer was rewritten");
}
