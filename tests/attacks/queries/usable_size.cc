// attack: ask for the usable size of what is no live block: glibc answers from the attacker's bytes
// fault: interior-pointer
// cases: freed interior misaligned stack
// range: tiny
// glibc: * succeeds
// hakmem: * freed double-free|freed-memory@at-call
// hakmem: * interior interior-pointer@at-call
// hakmem: * misaligned misaligned-pointer@at-call
// hakmem: * stack foreign-pointer@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const char* where = attack::word_argument(argc, argv);
  alignas(16) char local[64];
  char* block = attack::take(200);
  std::memset(block, 0, 200);
  char* target = block;
  if (std::strcmp(where, "freed") == 0) attack::give(block);
  if (std::strcmp(where, "interior") == 0) target = block + 64;
  if (std::strcmp(where, "misaligned") == 0) target = block + 40;
  if (std::strcmp(where, "stack") == 0) target = attack::hide(local) + 32;
  if (target != block) {
    attack::poke<size_t>(target, -8, 0x1001);
    if (!attack::against_hakmem()) attack::poke<size_t>(target, -8, 0x1000 | attack::kMapped);
  }
  attack::begin_misuse(target);
  const size_t answer_bytes = attack::usable(target);
  attack::end_misuse();
  attack::judge(answer_bytes != 0, "a size was told for what is no live block");
}
