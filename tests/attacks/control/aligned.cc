// attack: none: every aligned allocation function, every alignment to 2 MiB, freed as it should be
// fault: none
// cases: -
// glibc: * clean
// hakmem: * * clean
#include <malloc.h>

#include <cstdlib>
#include <initializer_list>
#include <new>

#include "attack.h"

namespace {

void use(void* block, size_t alignment, size_t size_bytes) {
  if (block == nullptr || attack::address(block) % alignment != 0) attack::broken("not aligned");
  std::memset(block, 0xff, size_bytes);
}

void use_and_free(void* block, size_t alignment, size_t size_bytes) {
  use(block, alignment, size_bytes);
  attack::give(block);
}

}  // namespace

int main() {
  for (size_t alignment = 8; alignment <= 2 << 20; alignment *= 2) {
    for (size_t size_bytes : {size_t{1}, size_t{24}, size_t{1000}, size_t{5000}, size_t{70000}}) {
      void* block = nullptr;
      if (posix_memalign(&block, alignment, size_bytes) != 0) attack::broken("posix_memalign");
      use_and_free(block, alignment, size_bytes);
      const size_t rounded_bytes = (size_bytes + alignment - 1) / alignment * alignment;
      use_and_free(aligned_alloc(alignment, rounded_bytes), alignment, size_bytes);
      use_and_free(memalign(alignment, size_bytes), alignment, size_bytes);
      const std::align_val_t wanted{alignment};
      block = attack::hide(::operator new(size_bytes, wanted));
      use(block, alignment, size_bytes);
      ::operator delete(block, size_bytes, wanted);
      block = attack::hide(::operator new[](size_bytes, wanted));
      use(block, alignment, size_bytes);
      ::operator delete[](block, wanted);
    }
  }
  use_and_free(valloc(100), 4096, 100);
  use_and_free(pvalloc(100), 4096, 4096);
  attack::clean("every aligned block was served and freed");
}
