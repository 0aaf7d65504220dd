// attack: reallocarray with count * size beyond 2^64
// fault: size-overflow
// cases: 2 16 3
// range: any
// glibc: * survives
// hakmem: * * survives
#include <cstdlib>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(64);
  attack::poke<char>(block, 0, 'k');
  attack::begin_misuse();
  attack::count_operation();
  const void* wrapped = reallocarray(attack::hide(block), SIZE_MAX / size_bytes + 2, size_bytes);
  attack::end_misuse();
  if (wrapped != nullptr) attack::succeeded("a block smaller than count * size was handed out");
  const bool kept = attack::peek<char>(block, 0) == 'k';
  attack::give(block);  // must still be ours
  attack::judge(!kept, "the old block was lost");
}
