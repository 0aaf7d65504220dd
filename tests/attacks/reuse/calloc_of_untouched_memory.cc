// attack: write beyond the blocks in use, into memory never handed out, which calloc may take for
// attack: zero
// fault: uninitialised-leak
// cases: 24 200 1000
// glibc: * survives
// hakmem: * * survives
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  char* beyond = row.beyond();
  attack::begin_misuse();
  // hakmem's slabs end with a guard page.
  const uintptr_t slab_end = (attack::address(beyond) | 0xffff) + 1 - 4096;
  const ptrdiff_t stride = static_cast<ptrdiff_t>(row.stride_bytes());
  for (char* slot = beyond; attack::address(slot) + 16 <= slab_end; slot += stride) {
    bool used = false;
    for (size_t i = 0; i < row.count() && !used; ++i) used = row[i] == slot;
    if (!attack::against_hakmem() && slot > beyond + 16 * stride) break;
    // From glibc's wilderness the first word is its size field's neighbour; stay behind it.
    if (!used) attack::poke<uint64_t>(slot, 8, 0x4141414141414141);
  }
  attack::end_misuse();
  for (int i = 0; i < 4096; ++i) {
    const char* fresh = attack::take_zeroed(1, size_bytes);
    if (attack::peek<uint64_t>(fresh, 8) != 0) attack::succeeded("calloc returned dirty memory");
  }
  attack::failed("calloc returned dirty memory");
}
