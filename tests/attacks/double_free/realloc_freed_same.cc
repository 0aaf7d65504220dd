// attack: realloc a freed block to the size it has, which brings it back to life
// fault: double-free
// cases: 24 200 1000 5000
// glibc: ..1032 succeeds
// glibc: 5000 abort "malloc(): invalid next->prev_inuse (unsorted)"
// hakmem: * * double-free@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::take(24);
  attack::give(block);
  attack::begin_misuse(block);
  const char* first = attack::resize(block, size_bytes);
  attack::end_misuse();
  attack::judge(first == attack::take(size_bytes), "realloc and malloc returned the same block");
}
