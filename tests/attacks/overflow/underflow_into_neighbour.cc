// attack: write 8 bytes into the tail of the block before, stepping over the header between
// fault: underflow
// cases: 40 200 1000
// glibc: * succeeds
// hakmem: * * succeeds
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  const attack::Pair pair = row.neighbours();
  std::memset(pair.left, 'v', size_bytes);
  // The last eight bytes asked for are the neighbour's own, in every profile.
  const ptrdiff_t back =
      static_cast<ptrdiff_t>(size_bytes) - 8 - static_cast<ptrdiff_t>(row.stride_bytes());
  attack::begin_misuse();
  attack::poke<uint64_t>(pair.right, back, 0x4141414141414141);
  attack::end_misuse();
  const ptrdiff_t last = static_cast<ptrdiff_t>(size_bytes) - 1;
  const bool rewritten = attack::peek<char>(pair.left, last) == 'A';
  attack::begin_free();
  attack::give(pair.right);
  attack::give(pair.left);
  attack::end_free();
  attack::judge(rewritten, "the neighbour before was rewritten");
}
