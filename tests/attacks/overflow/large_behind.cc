// attack: write from the end of a large block into the next one
// fault: overflow
// cases: 40000 100000 200000 1048576
// glibc: * succeeds
// hakmem: fast * succeeds
// hakmem: no-light-guards ..1048575 succeeds
// hakmem: * * segv@at-call
#include "large_row.h"

int main(int argc, char** argv) {
  const attack::LargeRow row(attack::size_argument(argc, argv));
  char* victim = row.right();
  std::memset(victim, 'v', 32);
  attack::begin_misuse();
  // glibc's next block starts 8 or 16 bytes behind the end of this one.
  for (char* byte = row.left_end() + 8; byte < victim + 32; ++byte) {
    attack::poke<char>(byte, 0, 'A');
  }
  attack::end_misuse();
  attack::judge(attack::peek<char>(victim, 16) == 'A', "the block behind was rewritten");
}
