// attack: free a, b, a with glibc's thread cache full, where only the list head is compared
// fault: double-free
// cases: 24 56 120
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  char* a = attack::take(size_bytes);
  char* b = attack::take(size_bytes);
  cache.fill();
  attack::give(a);
  attack::give(b);
  attack::begin_misuse(a);
  attack::give(a);
  attack::end_misuse();
  cache.drain();
  const char* first = attack::take(size_bytes);
  attack::take(size_bytes);
  attack::judge(first == attack::take(size_bytes), "one block was handed out twice");
}
