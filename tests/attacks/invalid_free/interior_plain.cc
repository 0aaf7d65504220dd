// attack: free a pointer into the middle of a block that holds zeros
// fault: interior-pointer
// cases: 40 200 1000 5000 20000 100000
// glibc: * abort "free(): invalid pointer"
// hakmem: * * interior-pointer@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  std::memset(block, 0, size_bytes);
  char* inside = block + (size_bytes / 2 & ~size_t{15});
  attack::begin_misuse(inside);
  attack::give(inside);
  attack::end_misuse();
  attack::judge(attack::overlap(attack::take(size_bytes), size_bytes, block, size_bytes),
                "a block over a live block was handed out");
}
