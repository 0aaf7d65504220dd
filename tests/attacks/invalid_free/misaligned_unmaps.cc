// attack: free a misaligned pointer into a block, marked as a mapping of its own: glibc unmaps
// attack: pages of the live block
// fault: misaligned-pointer
// cases: 300000
// glibc: * succeeds
// hakmem: * * misaligned-pointer@at-call
#include "attack.h"

int main(int argc, char** argv) {
  char* block = attack::take(attack::size_argument(argc, argv));
  char* page = attack::at_address((attack::address(block) + 3 * 4096) & ~uintptr_t{4095});
  char* fake = page + 8;  // a power of two into the page passes glibc's alignment check
  attack::poke<size_t>(fake, -16, 0xff8);
  attack::poke<size_t>(fake, -8, 0x1008 | attack::kMapped);
  attack::begin_misuse(fake);
  attack::give(fake);
  attack::end_misuse();
  attack::judge(!attack::readable(page), "pages of a live block were unmapped");
}
