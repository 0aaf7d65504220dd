#include "system/libc.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

namespace hak::props {

void* LibcSystem::allocate(unsigned, std::size_t bytes, Api) { return malloc(bytes); }
void* LibcSystem::calloc(unsigned, std::size_t count, std::size_t size) { return ::calloc(count, size); }

/// glibc takes any alignment in aligned_alloc; the language demands a power of two.
void* LibcSystem::allocate_aligned(unsigned, std::size_t alignment, std::size_t bytes, Api api) {
  if (!is_power_of_two(alignment) || (api == Api::kPosixMemalign && alignment % sizeof(void*))) {
    errno = EINVAL;
    return nullptr;
  }
  if (alignment > max_request()) {
    errno = ENOMEM;
    return nullptr;
  }
  return aligned_alloc(alignment, bytes);
}

void* LibcSystem::reallocate(unsigned, void* p, std::size_t bytes) { return realloc(p, bytes); }
void* LibcSystem::reallocate_array(unsigned, void* p, std::size_t count, std::size_t size) {
  return reallocarray(p, count, size);
}
void LibcSystem::release(unsigned, void* p, Api) { free(p); }
void LibcSystem::release_sized(unsigned, void* p, std::size_t, std::size_t, Api) { free(p); }
std::size_t LibcSystem::usable(unsigned, void* p) { return malloc_usable_size(p); }
void LibcSystem::purge(unsigned) { malloc_trim(0); }

}  // namespace hak::props
