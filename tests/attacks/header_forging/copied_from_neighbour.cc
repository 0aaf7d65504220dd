// attack: copy the 16 bytes before a live block to the middle of another, free the middle
// fault: interior-pointer
// cases: 100 200 1000 5000
// glibc: * succeeds
// hakmem: * * interior-pointer@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  char* model = attack::take(24);
  char* fake = block + 48;
  std::memcpy(attack::hide(fake) - 16, attack::hide(model) - 16, 16);
  if (attack::against_hakmem()) {
    // The best copy is the header of a block of the same slab.
    const char* same = attack::take(size_bytes);
    attack::poke<char>(fake, -1, attack::peek<char>(same, -1));
  }
  attack::begin_misuse(fake);
  attack::give(fake);
  attack::end_misuse();
  attack::judge(attack::take(24) == fake, "a block inside a live block was handed out");
}
