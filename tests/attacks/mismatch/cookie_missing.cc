// attack: a single object deleted as an array: the count is read before the block and the pointer
// attack: freed is eight bytes before it
// fault: misaligned-pointer
// cases: -
// range: tiny
// glibc: * abort "free(): invalid pointer"
// hakmem: * * misaligned-pointer|foreign-pointer@at-call
#include "attack.h"

namespace {

struct Handle {
  ~Handle() { asm volatile("" : : "r"(this) : "memory"); }
  uint64_t value = 0;
};

}  // namespace

int main() {
  char* left = attack::take(24);
  auto* single = attack::hide(new Handle);
  std::memset(left, 0, attack::usable(left));
  // The "count" is what lies before the object; glibc's is the size field, 33, which is harmless.
  if (attack::against_hakmem()) attack::poke<uint32_t>(single, -8, 0);
  attack::begin_misuse();
  const size_t count = attack::peek<size_t>(single, -8);
  if (count > 64) {
    ::operator delete[](reinterpret_cast<char*>(single) - 8);  // what delete[] does after its loop
  } else {
    delete[] single;
  }
  attack::end_misuse();
  attack::succeeded("a pointer eight bytes before a block was accepted");
}
