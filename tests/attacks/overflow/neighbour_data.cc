// attack: a linear overflow rewrites the neighbour's first field, and glibc's size field with what
// attack: it was
// fault: overflow
// cases: 24 200 1000 5000 20000
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
  const ptrdiff_t end = row.end_of(pair.left);
  attack::begin_misuse();
  attack::poke<size_t>(pair.left, end, row.stride_bytes() | attack::kPreviousInUse);
  attack::poke<uint64_t>(pair.left, end + 8, 0x4141414141414141);
  attack::end_misuse();
  const bool rewritten = attack::peek<char>(pair.right, 0) == 'A' ||
                         attack::peek<char>(pair.right, 8) == 'A';
  attack::begin_free();
  attack::give(pair.left);
  attack::give(pair.right);
  attack::end_free();
  attack::judge(rewritten, "the neighbour's content was rewritten and both blocks were freed");
}
