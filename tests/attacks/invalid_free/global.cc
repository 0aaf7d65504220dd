// attack: free a fake chunk in a global variable; the next request gets it
// fault: foreign-pointer
// cases: -
// glibc: * succeeds
// hakmem: * * foreign-pointer@at-call
#include "forged.h"

namespace {
attack::FakeChunk fake;
}

int main() {
  fake.forge();
  attack::free_fake_and_take(fake.block(), "a global variable was handed out");
}
