// attack: a large block is unmapped, another request is mapped at the same address, the old pointer
// attack: is freed
// fault: double-free
// cases: 200000 1048576
// glibc: * succeeds
// hakmem: fast,hardened * succeeds
// hakmem: * * succeeds p<=1/8 in 60
#include <malloc.h>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  mallopt(M_MMAP_THRESHOLD, 128 << 10);  // stops glibc from raising it at the first free
  char* stale = attack::take(size_bytes);
  attack::give(stale);
  const char* owner = attack::take(size_bytes);
  attack::begin_misuse(stale);
  attack::give(stale);
  attack::end_misuse();
  if (owner != stale) attack::failed("the address was not used again");
  attack::judge(owner == attack::take(size_bytes), "a live block was unmapped under its owner");
}
