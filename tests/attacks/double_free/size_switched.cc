// attack: change the block's size field between the two frees, so that the second free looks for
// attack: the duplicate in another list
// fault: double-free
// cases: 24 200 984
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::take(size_bytes);
  attack::give(block);
  attack::poke<size_t>(block, -8, (attack::chunk_bytes(size_bytes) + 16) | attack::kPreviousInUse);
  attack::begin_misuse(block);
  attack::give(block);
  attack::end_misuse();
  const char* first = attack::take(size_bytes);
  attack::judge(first == attack::take(size_bytes + 16), "one block was handed out in two sizes");
}
