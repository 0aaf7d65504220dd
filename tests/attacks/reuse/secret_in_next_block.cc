// attack: free a block that holds a secret; the next block of its size still holds it
// fault: uninitialised-leak
// cases: 64 200 1000 5000 100000
// glibc: * succeeds
// hakmem: fast 100000 succeeds
// hakmem: * 100000 succeeds or survives
// hakmem: * * survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::take(24);
  std::memset(block, 's', size_bytes);
  attack::give(block);
  attack::begin_misuse();
  const char* next = attack::take(size_bytes);
  const bool leaked = attack::peek<char>(next, 40) == 's';
  attack::end_misuse();
  attack::judge(leaked, "a fresh block held an old secret");
}
