// attack: an alignment and a size whose sum wraps
// fault: size-overflow
// cases: 32 4096 65536 4294967296 4611686018427387904
// range: any
// glibc: * survives
// hakmem: * * survives
#include <malloc.h>

#include <cstdlib>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t alignment = attack::size_argument(argc, argv);
  attack::begin_misuse();
  void* first = nullptr;
  const bool served = posix_memalign(&first, alignment, size_t{0} - alignment) == 0;
  const void* second = aligned_alloc(alignment, size_t{0} - alignment);
  const void* third = memalign(alignment, attack::opaque(SIZE_MAX) - alignment / 2);
  const void* fourth = pvalloc(attack::opaque(SIZE_MAX - 100));
  const void* fifth = valloc(attack::opaque(SIZE_MAX - 4000));
  attack::end_misuse();
  attack::judge(served || second != nullptr || third != nullptr || fourth != nullptr ||
                    fifth != nullptr,
                "a request larger than the address space was served");
}
