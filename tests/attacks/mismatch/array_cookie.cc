// attack: an array of objects with destructors deleted as a single object: the pointer is eight
// attack: bytes behind the block, after the element count
// fault: misaligned-pointer
// cases: -
// range: tiny
// glibc: * abort "munmap_chunk(): invalid pointer"
// hakmem: * * misaligned-pointer@at-call
#include "attack.h"

namespace {

struct Counted {
  ~Counted() { asm volatile("" : : "r"(&value) : "memory"); }
  uint64_t value = 0;
};

}  // namespace

int main() {
  auto* array = attack::hide(new Counted[3]);
  attack::begin_misuse(array);
  delete array;
  attack::end_misuse();
  attack::succeeded("a pointer eight bytes into a block was accepted");
}
