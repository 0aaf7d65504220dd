// attack: realloc(p, 0) frees p; the program frees it again
// fault: double-free
// cases: 24 120
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  char* block = attack::take(size_bytes);
  char* other = attack::take(size_bytes);
  cache.fill();
  attack::resize(block, 0);
  attack::give(other);
  attack::begin_misuse(block);
  attack::give(block);
  attack::end_misuse();
  cache.drain();
  const char* first = attack::take(size_bytes);
  attack::take(size_bytes);
  attack::judge(first == attack::take(size_bytes), "one block was handed out twice");
}
