// attack: realloc a freed block to a larger size
// fault: double-free
// cases: 24 200 1000 5000
// glibc: ..1032 succeeds
// glibc: 5000 segv@at-call
// hakmem: * * double-free@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::give(block);
  attack::begin_misuse(block);
  const char* grown = attack::resize(block, size_bytes + 512);
  attack::end_misuse();
  const char* fresh = attack::take(size_bytes);
  attack::judge(attack::overlap(grown, size_bytes + 512, fresh, size_bytes),
                "a grown block and a fresh one overlap");
}
