// attack: free the same block twice in a row
// fault: double-free
// cases: 24 200 1000 5000 40000 200000
// glibc: ..1032 abort "free(): double free detected in tcache 2"
// glibc: 5000,40000 abort "double free or corruption (top)"
// glibc: 200000 segv@at-call
// hakmem: * ..32768 double-free@at-call
// hakmem: * * double-free|freed-memory@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::give(block);
  attack::begin_misuse(block);
  attack::give(block);
  attack::end_misuse();
  const char* first = attack::take(size_bytes);
  attack::judge(first == attack::take(size_bytes), "one block was handed out twice");
}
