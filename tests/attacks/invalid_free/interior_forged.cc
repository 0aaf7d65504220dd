// attack: free a pointer into the middle of a block, where the attacker wrote a fake chunk
// fault: interior-pointer
// cases: 100 200 1000 5000 20000 100000 300000
// glibc: * succeeds
// hakmem: * * interior-pointer@at-call
#include "forged.h"

int main(int argc, char** argv) {
  char* block = attack::take(attack::size_argument(argc, argv));
  attack::poke<size_t>(block, 24, 32 | attack::kPreviousInUse);
  attack::poke<size_t>(block, 56, 32 | attack::kPreviousInUse);
  attack::free_fake_and_take(block + 32, "a block inside a live block was handed out");
}
