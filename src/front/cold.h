#pragma once
// Cold exits of the fast paths, per policy, and what all policies share.
#include <string.h>

#include "front/front.h"

namespace hak {

/// In a slow path of the calling thread's cache. `reentered` if a signal handler came back to it, or
/// interrupted anything else that holds a lock.
class SlowPath {
 public:
  explicit SlowPath(ThreadCache& cache) : cache_(cache), reentered_(cache.in_slow || in_locked_section()) {
    if (reentered_) return;
    cache.in_slow = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    cache.slow_lock.lock();
  }
  ~SlowPath() {
    if (reentered_) return;
    cache_.slow_lock.unlock();
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    cache_.in_slow = false;
  }
  SlowPath(const SlowPath&) = delete;
  SlowPath& operator=(const SlowPath&) = delete;
  bool reentered() const { return reentered_; }

 private:
  ThreadCache& cache_;
  bool reentered_;
};

/// Options changed since the thread was told which instantiation to run.
FAST_PATH bool options_changed(const HeapCore& heap, const ThreadCache& cache) {
  return kPolicySwitches && cache.mode_generation != heap.options.generation();
}

/// Frees a large block, or reports what p is instead. p is not a live slot.
bool release_large_or_fault(HeapCore& heap, void* p, Api api);
/// Frees a live slot of another thread's slab, after the same checks as a local free.
bool release_foreign_slot(HeapCore& heap, void* p, Api api);
/// Frees a live slot in a signal handler that interrupted a slow path.
void release_reentered(HeapCore& heap, void* p, Api api);
/// Reports what is wrong with p; `otherwise` if by now nothing is (a race).
void raise_diagnosed(HeapCore& heap, const void* p, Api api, Fault otherwise);
/// Sets errno to ENOMEM; null.
void* out_of_memory();

template <Policy P>
void* Front<P>::allocate_empty(std::size_t bytes, ThreadCache* cache, HeapCore& heap, Api api) {
  // The empty cache has nothing to exchange, and must not be written to.
  if (HAK_UNLIKELY(!cache->heap)) return heap.unattached->allocate(heap, bytes, api);
  MagazinePair& pair = cache->pair(class_of_bytes(bytes));
  settle(pair);
  if (HAK_UNLIKELY(!exchange_is_due(pair) || !is_undisturbed(*cache) ||
                   options_changed(heap, *cache) ||
                   cache->sample_countdown == 1))
    return allocate_slow(bytes, cache, heap, api);
  --cache->sample_countdown;
  count_flush<P>(*cache, free_count(pair));
  count_refill<P>(*cache, free_count(pair));
  count_malloc<P>(*cache);
  return exchange_and_pop(heap, *cache, pair);
}

template <Policy P>
void* Front<P>::allocate_slow(std::size_t bytes, ThreadCache* cache, HeapCore& heap, Api api) {
  if (HAK_UNLIKELY(!cache->heap)) return heap.unattached->allocate(heap, bytes, api);
  if (HAK_UNLIKELY(options_changed(heap, *cache))) {
    cache->mode_generation = heap.options.generation();
    if (heap.unattached) heap.unattached->reconfigure(heap, *cache);
  }
  if (bytes > kMaxSlabRequest) {
    void* block = heap.allocate_large(bytes, kGranuleBytes, false);
    if (block) count_malloc<P>(*cache);
    return block ? block : out_of_memory();
  }
  if (HAK_UNLIKELY(--cache->sample_countdown == 0)) {
    if (void* block = allocate_sampled(heap, *cache, bytes)) {
      count_malloc<P>(*cache);
      return block;
    }
  }
  const unsigned size_class = class_of_bytes(bytes);
  MagazinePair& pair = cache->pair(size_class);
  SlowPath slow(*cache);
  if (HAK_UNLIKELY(slow.reentered()))
    return heap.unattached ? heap.unattached->allocate_reentrant(heap, bytes, api) : out_of_memory();
  if (HAK_UNLIKELY(!served_by_cache<P>(heap, *cache, size_class))) {
    count_refill<P>(*cache, 1);
    void* slot = pop_from_slabs(heap, *cache, size_class);
    if (slot) count_malloc<P>(*cache);
    return slot ? slot : out_of_memory();
  }
  const u32 resting = free_count(pair);
  void* slot = refill_and_pop(heap, *cache, size_class);
  if (HAK_UNLIKELY(!slot)) return out_of_memory();
  count_malloc<P>(*cache);
  count_refill<P>(*cache, alloc_count(pair) + 1);
  count_flush<P>(*cache, resting - free_count(pair));
  return slot;
}

template <Policy P>
void Front<P>::release_slow(void* p, ThreadCache* cache, HeapCore& heap, Api api) {
  if (!p) return;
  if (HAK_UNLIKELY(!cache->heap)) return heap.unattached->release(heap, p, api);
  if (release_large_or_fault(heap, p, api)) count_free<P>(*cache);
}

template <Policy P>
void Front<P>::release_remote(void* p, ThreadCache* cache, HeapCore& heap, Api api) {
  if (HAK_UNLIKELY(!cache->heap)) return heap.unattached->release(heap, p, api);
  ++cache->counters.remote_frees;
  if (release_foreign_slot(heap, p, api) && !HAK_SEEDED(kRemoteUncounted)) count_free<P>(*cache);
}

template <Policy P>
void Front<P>::release_full(void* p, ThreadCache* cache, HeapCore& heap, MagazinePair* pair) {
  if (HAK_LIKELY(pair->free_top != nullptr)) settle(*pair);
  if (HAK_UNLIKELY(!pair->free_top || !exchange_makes_room(*pair) || !is_undisturbed(*cache) ||
                   options_changed(heap, *cache)))
    return release_slowly(p, cache, heap);
  if (!HAK_SEEDED(kFullFreeStaysLive)) owner_and(heap.arena.state_of(p), kKeyMask);
  count_flush<P>(*cache, free_count(*pair) - alloc_count(*pair));
  count_refill<P>(*cache, free_count(*pair) - alloc_count(*pair));
  count_free<P>(*cache);
  exchange_and_push(heap, *cache, *pair, p);
}

template <Policy P>
void Front<P>::release_slowly(void* p, ThreadCache* cache, HeapCore& heap) {
  SlowPath slow(*cache);
  if (HAK_UNLIKELY(slow.reentered())) return release_reentered(heap, p, Api::kFree);
  count_free<P>(*cache);
  const unsigned size_class =
      heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)))->size_class;
  if (!HAK_SEEDED(kFullFreeStaysLive)) owner_and(heap.arena.state_of(p), kKeyMask);
  if (HAK_UNLIKELY(!served_by_cache<P>(heap, *cache, size_class))) {
    count_flush<P>(*cache, 1);
    if (heap.zeroes(size_class) && !HAK_SEEDED(kOffRouteNotZeroed)) memset(p, 0, kStrides[size_class] - 1);
    return_to_slabs(heap, *cache, &p, 1);
    return;
  }
  const MagazinePair& pair = cache->pair(size_class);
  const u32 resting = free_count(pair) + 1, ready = alloc_count(pair);
  make_room_and_push(heap, *cache, size_class, p);
  count_flush<P>(*cache, resting - free_count(pair));
  count_refill<P>(*cache, alloc_count(pair) - ready);
}

}  // namespace hak
