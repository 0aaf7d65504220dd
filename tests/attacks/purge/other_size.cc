// attack: memory that held small blocks is given back and cut anew into larger ones; an old
// attack: pointer, now inside a live block with a fake header before it, is freed
// fault: interior-pointer
// cases: 200
// glibc: * succeeds
// hakmem: * * interior-pointer|freed-memory|double-free|never-allocated@at-call
#include "attack.h"
#include "trimmed.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  const attack::Trimmed trimmed(size_bytes);
  constexpr size_t kOtherBytes = 3000;
  char* stale = trimmed.middle();
  for (int i = 0; i < 4000; ++i) {
    char* fresh = attack::take(kOtherBytes);
    for (size_t k = 0; k < trimmed.count(); ++k) {
      char* old = trimmed.block(k);
      if (old > fresh + 32 && old + 64 < fresh + kOtherBytes) {
        stale = old;
        attack::poke<size_t>(stale, -8, 32 | attack::kPreviousInUse);
        i = 4000;
        break;
      }
    }
  }
  attack::begin_misuse(stale);
  attack::give(stale);
  attack::end_misuse();
  attack::judge(attack::take(24) == stale, "a block inside a live block was handed out");
}
