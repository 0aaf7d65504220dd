// attack: set the "mapping of its own" bit in a freed block's size field: glibc's calloc believes
// attack: that the block is fresh from the kernel and does not clear it
// fault: uninitialised-leak
// cases: 56 120
// glibc: * succeeds
// hakmem: fast,hardened * survives
// hakmem: * * corrupt-header|write-after-free|overflow@reuse or survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  char* block = attack::take(size_bytes);
  std::memset(block, 's', size_bytes);
  cache.fill();
  attack::give(block);
  attack::begin_misuse();
  const size_t flags = attack::kPreviousInUse | attack::kMapped;
  attack::poke<size_t>(block, -8, attack::chunk_bytes(size_bytes) | flags);
  attack::end_misuse();
  for (int i = 0; i < 8192; ++i) {
    const char* fresh = attack::take_zeroed(1, size_bytes);
    if (attack::peek<char>(fresh, 40) != 0) attack::succeeded("calloc returned dirty memory");
  }
  attack::failed("calloc returned dirty memory");
}
