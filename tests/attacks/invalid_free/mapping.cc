// attack: free a fake chunk in a mapping the program made itself
// fault: foreign-pointer
// cases: -
// glibc: * succeeds
// hakmem: * * foreign-pointer@at-call
#include <sys/mman.h>

#include <new>

#include "forged.h"

int main() {
  void* pages = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) attack::broken("mmap");
  auto* fake = new (pages) attack::FakeChunk;
  fake->forge();
  attack::free_fake_and_take(fake->block(), "the program's own mapping was handed out");
}
