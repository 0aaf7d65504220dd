// attack: free a, b, a: the head of the free list is not the block freed twice
// fault: double-free
// cases: 24 200 1000 5000 100000
// glibc: ..1032 abort "free(): double free detected in tcache 2"
// glibc: * abort "double free or corruption (!prev)"
// hakmem: * ..32768 double-free@at-call
// hakmem: * * double-free|freed-memory@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* a = attack::take(size_bytes);
  attack::take(24);  // keeps the two apart, so that glibc cannot merge them
  char* b = attack::take(size_bytes);
  attack::take(24);
  attack::give(a);
  attack::give(b);
  attack::begin_misuse(a);
  attack::give(a);
  attack::end_misuse();
  const char* first = attack::take(size_bytes);
  attack::take(size_bytes);
  attack::judge(first == attack::take(size_bytes), "one block was handed out twice");
}
