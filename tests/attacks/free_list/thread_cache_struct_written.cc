// attack: write to glibc's per-thread cache at the start of the heap, as a relative write from
// attack: any block can: the next request gets a chosen address
// fault: metadata-write
// cases: 184
// glibc: * succeeds
// hakmem: * * survives
#include "attack.h"

namespace {
alignas(16) char target[256];
}

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  const char* block = attack::take(24);
  char* lists = attack::heap_start(block) + 16;
  const ptrdiff_t bin = static_cast<ptrdiff_t>((attack::chunk_bytes(size_bytes) - 32) / 16);
  attack::begin_misuse();
  attack::poke<uint16_t>(lists, bin * 2, 1);
  attack::poke<char*>(lists, 128 + bin * 8, target);
  attack::end_misuse();
  if (attack::take(size_bytes) == target) attack::succeeded("malloc returned a chosen address");
  attack::churn(size_bytes);
  attack::failed("malloc returned a chosen address");
}
