// attack: none: fill every block to its usable size and free it, for every size to 70000
// fault: none
// cases: -
// glibc: * clean
// hakmem: * * clean
#include "attack.h"

int main() {
  char* previous = nullptr;
  for (size_t size_bytes = 0; size_bytes < 70000; size_bytes += size_bytes < 2100 ? 1 : 97) {
    char* block = attack::take(size_bytes);
    const size_t usable_bytes = attack::usable(block);
    if (usable_bytes < size_bytes) attack::broken("less usable than asked for");
    std::memset(block, 0xff, usable_bytes);
    attack::give(previous);
    previous = block;
  }
  attack::give(previous);
  attack::clean("every usable byte was written");
}
