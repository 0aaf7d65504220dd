#include "core/heap_core.h"

#include <string.h>

#include "base/check.h"
#include "base/probes.h"
#include "core/tracker.h"

namespace hak {

bool HeapCore::init(const Os& os, u64 wanted_seed, FaultSink fault_sink, std::size_t arena_bytes) {
  sink = fault_sink;
  seed = wanted_seed ? wanted_seed : os.entropy() | 1;
  Random random(seed);
  random_order = options.on(OptionId::kRandomOrder);
  trailing_check = options.on(OptionId::kTrailingCheck);
  zero_max_bytes = static_cast<u32>(options.get(OptionId::kZeroMaxBytes));
  large.seed(random.next());
  ready = arena.init(os, options, random, arena_bytes);
  return ready;
}

void HeapCore::destroy() {
  for (ThreadCache* cache = caches.load(kAcquire); cache;) {
    ThreadCache* next = cache->next_cache;
    cache->withheld.destroy(arena.os());
    arena.os().release(reinterpret_cast<std::byte*>(cache) - kPageBytes,
                       kThreadCacheBytes + 2 * kPageBytes);
    cache = next;
  }
  caches.store(nullptr, kRelaxed);
  idle = nullptr;
  cache_count = 0;
  for (unsigned c = 0; c < kClassCount; ++c) {
    abandoned[c] = SpanList{};
    abandoned_count[c].store(0, kRelaxed);
    abandoned_empty[c] = 0;
  }
  postponed.store(kNoSpan, kRelaxed);
  large.purge_cached(true);
  guarded.destroy();
  sample_every = 0;
  arena.destroy();
  attaches = 0;
  ready = false;
}

ThreadCache* HeapCore::make_cache() {
  const Os& os = arena.os();
  // A page without access on both sides: magazines decide what malloc returns.
  auto* range = static_cast<std::byte*>(os.reserve(0, kThreadCacheBytes + 2 * kPageBytes));
  if (!range) return nullptr;
  void* at = range + kPageBytes;
  if (!os.commit(at, kThreadCacheBytes)) {
    os.release(range, kThreadCacheBytes + 2 * kPageBytes);
    return nullptr;
  }
  annotate::hidden(at, kThreadCacheBytes);
  // The mapping is zero, which is the initial state of all but these.
  auto* cache = static_cast<ThreadCache*>(at);
  cache->heap = this;
  cache->remote_head.store(kNoSpan, kRelaxed);
  for (OwnedSlabs& slabs : cache->slabs) slabs = OwnedSlabs{};
  for (unsigned c = 0; c < kClassCount; ++c)
    cache->pairs[c].trailing = trailing_check ? kStrides[c] : 0;
  cache->id = ++cache_count;
  cache->next_cache = caches.load(kRelaxed);
  caches.store(cache, kRelease);
  return cache;
}

ThreadCache* HeapCore::attach() {
  Locked locked(registry_lock);
  ThreadCache* cache = idle;
  if (cache) {
    idle = cache->next_idle;
  } else {
    cache = make_cache();
    if (!cache) return nullptr;
  }
  // Every thread draws from its own stream; a fixed seed gives the same streams in the same order.
  cache->random = Random(seed ^ (++attaches * 0x9e3779b97f4a7c15ULL));
  cache->in_slow = false;
  cache->sample_countdown = draw_countdown(*this, cache->random);
  cache->thread = thread_id();
  cache->in_use = true;
  return cache;
}

void HeapCore::detach(ThreadCache* cache, bool stopped) {
  hand_over(cache, stopped);
  retire(cache);
}

void HeapCore::hand_over(ThreadCache* cache, bool stopped) {
  if (stopped) cache->withheld.leave();
  if (tracker) tracker->drain(*this, *cache);
  // Released before the registry's lock is taken: fork takes them the other way round.
  Locked slow(cache->slow_lock);
  if (stopped) {
    if (!HAK_SEEDED(kForkForgetsSlots)) recover_all(*this, *cache);
  } else {
    flush_all(*this, *cache);
  }
  disown_all(*this, *cache);
  for (OwnedSlabs& slabs : cache->slabs) {
    for (SpanList* list : {&slabs.available, &slabs.full}) {
      while (!list->empty()) {
        const u32 unit = list->head;
        list->remove(arena.spans(), unit);
        abandon_slab(*this, unit);
      }
    }
    slabs.empty_count = 0;
  }
}

void HeapCore::retire(ThreadCache* cache) {
  Locked locked(registry_lock);
  retired.mallocs += cache->counters.mallocs;
  retired.frees += cache->counters.frees;
  retired.refills += cache->counters.refills;
  retired.flushes += cache->counters.flushes;
  retired.exchanges += cache->counters.exchanges;
  retired.remote_frees += cache->counters.remote_frees;
  retired.remote_collected += cache->counters.remote_collected;
  cache->counters = OpCounters{};
  cache->ctx = FastLaneCtx{};
  cache->in_use = HAK_SEEDED(kExitLeavesCache);
  cache->next_idle = idle;
  idle = cache;
}

void* HeapCore::allocate_large(std::size_t bytes, std::size_t alignment, bool zero) {
  if (bytes > kMaxRequestBytes || !ready || in_locked_section()) return nullptr;
  void* block = large.allocate(bytes, alignment, zero);
  if (!block && large.cached_bytes()) {
    large.purge_cached(true);
    block = large.allocate(bytes, alignment, zero);
  }
  HAK_PROBE2(large, bytes, block);
  return block;
}

void HeapCore::tick() {
  if (in_locked_section()) return;
  release_postponed();
  large.purge_cached(false);
  arena.tick();
  HAK_PROBE2(purge, arena.purge_calls(), 0);
}

bool HeapCore::purge(ThreadCache* own) {
  if (in_locked_section() || (own && own->in_slow)) return false;
  const u64 before = arena.purge_calls();
  release_postponed();
  if (tracker && own) tracker->drain(*this, *own);
  for (ThreadCache* cache = caches.load(kAcquire); cache; cache = cache->next_cache) {
    Locked slow(cache->slow_lock);
    // Another thread's magazines are its own, and so is the collection of remote frees: whoever takes a
    // slot from "remote" to "free" must not be able to run beside the owner's own free of it.
    if (cache == own) flush_all(*this, *cache);
    retire_empty(*this, *cache);
  }
  sweep_abandoned(*this);
  large.purge_cached(true);
  arena.purge_free(true);
  HAK_PROBE2(purge, arena.purge_calls(), 1);
  return arena.purge_calls() != before;
}

}  // namespace hak
