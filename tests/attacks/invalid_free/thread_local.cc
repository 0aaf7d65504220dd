// attack: free a fake chunk in thread-local storage; the next request gets it
// fault: foreign-pointer
// cases: -
// glibc: * succeeds
// hakmem: * * foreign-pointer@at-call
#include "forged.h"

namespace {
thread_local attack::FakeChunk fake;
}

int main() {
  fake.forge();
  attack::free_fake_and_take(fake.block(), "thread-local storage was handed out");
}
