// attack: free a pointer 1, 8 or 15 bytes into a block
// fault: misaligned-pointer
// cases: 1 8 15
// range: tiny
// glibc: * abort "free(): invalid pointer"
// hakmem: * * misaligned-pointer@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t offset_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(100);
  std::memset(block, 0, 100);
  attack::begin_misuse(block + offset_bytes);
  attack::give(block + offset_bytes);
  attack::end_misuse();
  attack::judge(attack::take(100) == block + offset_bytes, "a misaligned block was handed out");
}
