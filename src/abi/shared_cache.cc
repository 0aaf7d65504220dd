#include "abi/shared_cache.h"

#include "abi/trace.h"

namespace hak {
namespace {

constinit Lock g_lock;
constinit ThreadCache* g_cache = nullptr;
thread_local constinit bool t_inside __attribute__((tls_model("initial-exec"))) = false;

}  // namespace

SharedCache::SharedCache() : locked_(!t_inside && !in_locked_section()) {
  if (!locked_) return;
  t_inside = true;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  g_lock.lock();
  if (!g_cache) g_cache = g_heap.attach();
  cache_ = g_cache;
}

SharedCache::~SharedCache() {
  if (!locked_) return;
  g_lock.unlock();
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  t_inside = false;
}

bool in_shared_cache() { return t_inside; }
bool is_shared_cache(const ThreadCache* cache) { return cache == g_cache; }
Lock& shared_cache_lock() { return g_lock; }

namespace {

void* shared_allocate(HeapCore& heap, ThreadCache*, std::size_t bytes, Api api) {
  const SharedCache cache;
  return cache.get() ? process_table().allocate(heap, cache.get(), bytes, api) : out_of_memory();
}
void* shared_calloc(HeapCore& heap, ThreadCache*, std::size_t count, std::size_t size, Api api) {
  const SharedCache cache;
  return cache.get() ? process_table().calloc(heap, cache.get(), count, size, api) : out_of_memory();
}
void* shared_aligned(HeapCore& heap, ThreadCache*, std::size_t alignment, std::size_t bytes, Api api) {
  const SharedCache cache;
  return cache.get() ? process_table().allocate_aligned(heap, cache.get(), alignment, bytes, api) : out_of_memory();
}
void* shared_reallocate(HeapCore& heap, ThreadCache*, void* p, std::size_t bytes, Api api) {
  const SharedCache cache;
  return cache.get() ? process_table().reallocate(heap, cache.get(), p, bytes, api) : out_of_memory();
}
void shared_release(HeapCore& heap, ThreadCache*, void* p, Api api) {
  if (!p) return;
  const SharedCache cache;
  if (cache.get()) return process_table().release(heap, cache.get(), p, api);
  trace_free(p, api);
  if (heap.tracker && !Tracked<kDefaultPolicy>::record_release(heap, p, api)) return;
  if (Block block = Validator::first_look(heap.arena, Wild(p))) {
    release_foreign_slot(heap, p, api);
  } else {
    release_large_or_fault(heap, p, api);
  }
}
void shared_release_sized(HeapCore& heap, ThreadCache*, void* p, std::size_t bytes, std::size_t alignment,
                          Api api) {
  {
    const SharedCache cache;
    if (cache.get()) return process_table().release_sized(heap, cache.get(), p, bytes, alignment, api);
  }
  using Sized = Memory<kDefaultPolicy>;
  const Fault fault = Sized::check_sized(heap, p, bytes, alignment);
  if (fault != Fault::kNone) return Sized::raise_mismatch(heap, p, api, bytes, fault);
  shared_release(heap, nullptr, p, api);
}
std::size_t shared_usable(HeapCore& heap, void* p, Api api) { return process_table().usable(heap, p, api); }

}  // namespace

constinit const EntryTable kSharedTable = {shared_allocate,   shared_release,    shared_calloc,
                                           shared_aligned,    shared_reallocate, shared_release_sized,
                                           shared_usable};

}  // namespace hak
