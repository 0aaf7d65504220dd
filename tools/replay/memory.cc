// The program's own malloc: the executable's definition comes before every preloaded one, so libc, the
// loader and pthread_create take their memory here, and the allocator that is replayed on sees the
// operations of the trace and nothing else.
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>

#include "base/types.h"

namespace {

/// Taken from the front and never given back: what libc itself asks for is little.
constexpr std::size_t kArenaBytes = std::size_t{1} << 30;
constexpr std::size_t kSizeBytes = 16;
std::atomic<char*> g_next{nullptr};
std::atomic<bool> g_starting{false};

void start() {
  if (g_starting.exchange(true)) {
    while (!g_next.load()) {
    }
    return;
  }
  void* at = mmap(nullptr, kArenaBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  g_next.store(static_cast<char*>(at));
}

void* take(std::size_t alignment, std::size_t bytes) {
  if (!g_next.load()) start();
  if (alignment < kSizeBytes) alignment = kSizeBytes;
  char* at = g_next.fetch_add(static_cast<std::ptrdiff_t>(hak::round_up(bytes, kSizeBytes) + alignment + kSizeBytes));
  at = reinterpret_cast<char*>(hak::round_up(hak::address_of(at) + kSizeBytes, alignment));
  memcpy(at - kSizeBytes, &bytes, sizeof bytes);
  return at;
}

}  // namespace

extern "C" {
void* malloc(std::size_t bytes) { return take(kSizeBytes, bytes); }
void free(void*) {}
void* calloc(std::size_t count, std::size_t size) { return take(kSizeBytes, count * size); }  // mapped zero
void* realloc(void* p, std::size_t bytes) {
  void* fresh = take(kSizeBytes, bytes);
  std::size_t had = 0;
  if (p) memcpy(&had, static_cast<char*>(p) - kSizeBytes, sizeof had);
  if (p) memcpy(fresh, p, had < bytes ? had : bytes);
  return fresh;
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return take(alignment, bytes); }
void* memalign(std::size_t alignment, std::size_t bytes) { return take(alignment, bytes); }
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  *out = take(alignment, bytes);
  return 0;
}
}
