// attack: realloc a pointer into a mapping, marked as a chunk of its own: glibc moves pages that
// attack: the attacker chose
// fault: foreign-pointer
// cases: -
// glibc: * succeeds
// hakmem: * * foreign-pointer@at-call
#include <sys/mman.h>

#include "attack.h"

int main() {
  void* raw = mmap(nullptr, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) attack::broken("mmap");
  char* pages = static_cast<char*>(raw);
  char* fake = pages + 16;
  attack::poke<size_t>(fake, -8, 0x8000 | attack::kMapped);
  attack::begin_misuse(fake);
  attack::resize(fake, 1 << 20);
  attack::end_misuse();
  attack::judge(!attack::readable(pages), "pages the attacker chose were moved away");
}
