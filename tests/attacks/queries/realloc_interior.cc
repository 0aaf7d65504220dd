// attack: realloc a fake chunk inside a block: glibc copies it and frees it
// fault: interior-pointer
// cases: 200 1000 5000 100000
// glibc: * succeeds
// hakmem: * * interior-pointer@at-call
#include "forged.h"

int main(int argc, char** argv) {
  char* block = attack::take(attack::size_argument(argc, argv));
  attack::poke<size_t>(block, 24, 32 | attack::kPreviousInUse);
  attack::poke<size_t>(block, 56, 32 | attack::kPreviousInUse);
  char* fake = block + 32;
  attack::begin_misuse(fake);
  attack::resize(fake, 400);
  attack::end_misuse();
  attack::judge(attack::take(24) == fake, "a block inside a live block was handed out");
}
