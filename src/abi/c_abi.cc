// The C entry points: argument rules, errno, and nothing else. What glibc, C23 and POSIX say:
// malloc(0) is unique, more than PTRDIFF_MAX fails, bad alignment is EINVAL, realloc(p, 0) frees,
// free keeps errno.
#include <errno.h>
#include <unistd.h>

#include "abi/process.h"

using namespace hak;

namespace {

/// Calls that have a slow part anyway ask first whether the thread has a cache; malloc and free leave
/// that to their slow exits.
FAST_PATH bool attached() { return HAK_LIKELY(t_cache->heap != nullptr); }

void* aligned(std::size_t alignment, std::size_t bytes, Api api) {
  if (bytes > kMaxRequestBytes || alignment > kMaxRequestBytes) return out_of_memory();
  if (attached()) return Hot::allocate_aligned(g_heap, t_cache, alignment, bytes, api);
  const Entry entry = process_entry();
  return entry.table->allocate_aligned(g_heap, entry.cache, alignment, bytes, api);
}

void* reallocate(void* p, std::size_t bytes, Api api) {
  if (!p) return Hot::allocate(g_heap, t_cache, bytes, api);
  if (bytes == 0) {
    Hot::release(g_heap, t_cache, p, api);
    return nullptr;
  }
  if (attached()) return Hot::reallocate(g_heap, t_cache, p, bytes, api);
  const Entry entry = process_entry();
  return entry.table->reallocate(g_heap, entry.cache, p, bytes, api);
}

std::size_t page_round(std::size_t bytes) {
  return bytes > kMaxRequestBytes ? bytes : round_up(bytes ? bytes : 1, kPageBytes);
}

}  // namespace

extern "C" {

HAK_EXPORT void* malloc(std::size_t bytes) { return Hot::allocate(g_heap, t_cache, bytes, Api::kMalloc); }

HAK_EXPORT void free(void* p) { Hot::release(g_heap, t_cache, p, Api::kFree); }

HAK_EXPORT void cfree(void* p) { Hot::release(g_heap, t_cache, p, Api::kFree); }

HAK_EXPORT void* calloc(std::size_t count, std::size_t size) {
  if (attached()) return Hot::calloc(g_heap, t_cache, count, size, Api::kCalloc);
  const Entry entry = process_entry();
  return entry.table->calloc(g_heap, entry.cache, count, size, Api::kCalloc);
}

HAK_EXPORT void* realloc(void* p, std::size_t bytes) { return reallocate(p, bytes, Api::kRealloc); }

HAK_EXPORT void* reallocarray(void* p, std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) return out_of_memory();
  return reallocate(p, bytes, Api::kReallocarray);
}

HAK_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  if (!is_power_of_two(alignment) && !HAK_SEEDED(kBadAlignmentServed)) {
    errno = EINVAL;
    return nullptr;
  }
  return aligned(alignment, bytes, Api::kAlignedAlloc);
}

HAK_EXPORT int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  if (!is_power_of_two(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  const int saved = HAK_SEEDED(kPosixErrno) ? ENOMEM : errno;
  void* p = aligned(alignment, bytes, Api::kPosixMemalign);
  errno = saved;
  if (!p) return ENOMEM;
  *out = p;
  return 0;
}

/// Unlike aligned_alloc, glibc rounds an odd alignment up to the next power of two here.
HAK_EXPORT void* memalign(std::size_t alignment, std::size_t bytes) {
  if (alignment > kMaxRequestBytes / 2) {
    errno = EINVAL;
    return nullptr;
  }
  std::size_t power = kGranuleBytes;
  while (power < alignment) power *= 2;
  return aligned(power, bytes, Api::kMemalign);
}

HAK_EXPORT void* valloc(std::size_t bytes) { return aligned(kPageBytes, bytes, Api::kMemalign); }

HAK_EXPORT void* pvalloc(std::size_t bytes) {
  return aligned(kPageBytes, page_round(bytes), Api::kMemalign);
}

HAK_EXPORT std::size_t malloc_usable_size(void* p) {
  if (!p) return 0;
  if (attached()) return Hot::usable(g_heap, p, Api::kUsableSize);
  return process_entry().table->usable(g_heap, p, Api::kUsableSize);
}

HAK_EXPORT void free_sized(void* p, std::size_t bytes) { process_release_sized(p, bytes, 0, Api::kFreeSized); }

HAK_EXPORT void free_aligned_sized(void* p, std::size_t alignment, std::size_t bytes) {
  process_release_sized(p, bytes, alignment, Api::kFreeAlignedSized);
}

}  // extern "C"
