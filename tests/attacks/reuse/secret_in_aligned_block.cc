// attack: posix_memalign hands out a block that held a secret
// fault: uninitialised-leak
// cases: 256 1024
// glibc: * succeeds
// hakmem: * * survives
#include <cstdlib>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* secret = attack::take(size_bytes + 2000);  // beyond glibc's thread cache
  attack::take(24);
  std::memset(secret, 's', size_bytes + 2000);
  attack::give(secret);
  attack::begin_misuse();
  void* block = nullptr;
  if (posix_memalign(&block, 64, size_bytes) != 0) attack::broken("posix_memalign");
  const bool leaked = attack::peek<char>(block, 100) == 's';
  attack::end_misuse();
  attack::judge(leaked, "an aligned block held an old secret");
}
