#pragma once
// The process's heap: one constant-initialised instance, the thread's pointer to its cache, start-up,
// fork and thread exit. Everything below abi/ takes heap and cache as parameters.
#include <type_traits>

#include "front/table.h"

namespace hak {

template <Policy P>
struct PlainPaths : Memory<P> {
  FAST_PATH static void* allocate(HeapCore& heap, ThreadCache* cache, std::size_t bytes, Api api) {
    return Front<P>::allocate(heap, cache, bytes, api);
  }
  FAST_PATH static void release(HeapCore& heap, ThreadCache* cache, void* p, Api api) {
    Front<P>::release(heap, cache, p, api);
  }
};
/// Debug, and a build that tells a memory checker, keep exact records around the same fast paths.
inline constexpr bool kTrackedBuild = kDebugBuild || annotate::kOn;
using Hot = std::conditional_t<kTrackedBuild, Tracked<kDefaultPolicy>, PlainPaths<kDefaultPolicy>>;

[[gnu::visibility("hidden")]] extern constinit HeapCore g_heap;

/// The cache the fast paths use: at first, and for good in a thread that runs another policy, the
/// empty one, whose magazines look empty and full. One pointer of static TLS, so that dlopen works.
extern __thread ThreadCache* t_cache
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/// Where a call goes that found the empty cache.
struct Entry {
  ThreadCache* cache;
  const EntryTable* table;
};
/// Starts the heap and attaches the thread, whichever is missing. Never fails: without memory for a
/// cache the entry is the locked one that threads share.
Entry process_entry();

/// A sized free by a thread that has the empty cache.
HAK_NOINLINE void process_release_sized_unattached(void* p, std::size_t bytes, std::size_t alignment, Api api);

/// p may be null; an alignment of 0: none was given.
FAST_PATH void process_release_sized(void* p, std::size_t bytes, std::size_t alignment, Api api) {
  if (HAK_LIKELY(t_cache->heap != nullptr))
    return Hot::release_sized(g_heap, t_cache, p, bytes, alignment, api);
  process_release_sized_unattached(p, bytes, alignment, api);
}

/// Starts the heap. Idempotent, any thread, before constructors too.
void process_start();
/// True if every call goes to libc (HAKMEM_FORCE_LIBC).
bool process_is_libc();
/// The operations that threads with a cache run. The heap must have started.
const EntryTable& process_table();
/// The calling thread's cache if it has one.
ThreadCache* process_cache();
/// Changes an option while the process runs, and what threads run with it.
void process_set_option(OptionId id, u64 value);

}  // namespace hak
