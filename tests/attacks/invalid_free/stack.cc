// attack: free a fake chunk on the stack (house of spirit); the next request gets stack memory
// fault: foreign-pointer
// cases: -
// glibc: * succeeds
// hakmem: * * foreign-pointer@at-call
#include "forged.h"

int main() {
  attack::FakeChunk fake;
  fake.forge();
  attack::free_fake_and_take(fake.block(), "stack memory was handed out");
}
