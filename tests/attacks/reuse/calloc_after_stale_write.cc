// attack: write to a freed block after the allocator cleared it, then wait for calloc to return it
// fault: write-after-free
// cases: 24 100 200 1000 5000
// glibc: 5000 abort "malloc(): mismatching next->prev_size (unsorted)"
// glibc: * survives
// hakmem: fast,hardened * survives
// hakmem: * * write-after-free@reuse
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  const attack::Row row(size_bytes);  // keeps the slab in use
  char* stale = row[row.count() / 2];
  attack::give(stale);
  attack::churn(size_bytes);
  attack::begin_misuse();
  std::memset(attack::hide(stale), 'A', size_bytes);
  attack::end_misuse();
  for (size_t i = 0; i < 2 * attack::churn_count(size_bytes); ++i) {
    const char* fresh = attack::take_zeroed(1, size_bytes);
    for (size_t k = 0; k < size_bytes; ++k) {
      if (attack::peek<char>(fresh, static_cast<ptrdiff_t>(k)) != 0) {
        attack::succeeded("calloc returned dirty memory");
      }
    }
  }
  attack::failed("calloc returned dirty memory");
}
