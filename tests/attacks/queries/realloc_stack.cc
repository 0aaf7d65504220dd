// attack: realloc a fake chunk on the stack
// fault: foreign-pointer
// cases: -
// glibc: * succeeds
// hakmem: * * foreign-pointer@at-call
#include "forged.h"

int main() {
  attack::FakeChunk fake;
  fake.forge();
  attack::begin_misuse(fake.block());
  attack::resize(fake.block(), 400);
  attack::end_misuse();
  attack::judge(attack::take(24) == fake.block(), "stack memory was handed out");
}
