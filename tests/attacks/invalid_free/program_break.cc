// attack: free a block of a small allocator that the program runs on sbrk memory
// fault: foreign-pointer
// cases: -
// glibc: * succeeds
// hakmem: * * foreign-pointer@at-call
#include <unistd.h>

#include <new>

#include "forged.h"

int main() {
  void* raw = sbrk(4096);
  if (attack::address(raw) == ~uintptr_t{0}) attack::broken("sbrk");
  auto* fake = new (attack::at_address((attack::address(raw) + 15) & ~uintptr_t{15}))
      attack::FakeChunk;
  fake->forge();
  attack::free_fake_and_take(fake->block(), "memory above the program break was handed out");
}
