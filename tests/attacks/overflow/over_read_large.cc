// attack: read from the end of a large block into the next one
// fault: information-leak
// cases: 40000 200000 1048576
// glibc: * succeeds
// hakmem: fast * succeeds
// hakmem: no-light-guards ..1048575 succeeds
// hakmem: * * segv@at-call
#include "large_row.h"

int main(int argc, char** argv) {
  const attack::LargeRow row(attack::size_argument(argc, argv));
  char* victim = row.right();
  std::memset(victim, 's', 64);
  attack::begin_misuse();
  size_t leaked_bytes = 0;
  for (const char* byte = row.left_end(); byte < victim + 32; ++byte) {
    leaked_bytes += attack::peek<char>(byte, 0) == 's';
  }
  attack::end_misuse();
  attack::judge(leaked_bytes >= 32, "the secret in the block behind was read");
}
