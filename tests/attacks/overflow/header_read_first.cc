// attack: as above, but read the neighbour's header first and write it back as it was: no header
// attack: can tell, so this limit is stated and not hidden
// fault: overflow
// cases: 24 200 1000 5000
// glibc: * succeeds
// hakmem: * * succeeds
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  const attack::Pair pair = row.neighbours();
  std::memset(pair.right, 'v', size_bytes);
  char saved[16];
  std::memcpy(saved, attack::hide(pair.right) - 16, sizeof saved);
  attack::begin_misuse();
  std::memcpy(attack::hide(pair.right) - 16, saved, sizeof saved);
  attack::poke<uint64_t>(pair.right, 0, 0x4141414141414141);
  attack::end_misuse();
  const bool rewritten = attack::peek<char>(pair.right, 0) == 'A';
  attack::begin_free();
  attack::give(pair.left);
  attack::give(pair.right);
  attack::end_free();
  attack::judge(rewritten, "the neighbour's content was rewritten and both blocks were freed");
}
