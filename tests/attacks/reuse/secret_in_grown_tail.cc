// attack: realloc grows a block into one that held a secret: the tail shows it
// fault: uninitialised-leak
// cases: 64 200 1000
// glibc: * succeeds
// hakmem: * * survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  char* small = attack::take(24);
  attack::take(24);
  char* secret = attack::take(size_bytes);
  attack::take(24);
  std::memset(secret, 's', size_bytes);
  cache.fill();
  attack::give(secret);
  attack::begin_misuse();
  const char* grown = attack::resize(small, size_bytes);
  const bool leaked = attack::peek<char>(grown, 40) == 's';
  attack::end_misuse();
  attack::judge(leaked, "the grown tail held an old secret");
}
