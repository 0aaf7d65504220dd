#pragma once
// The heap is walkable: slot states are exact at every moment.
#include "core/tracker.h"

namespace hak {

struct HeapStats {
  std::size_t live_blocks, live_bytes, cached_blocks, remote_blocks, slab_free_blocks, threads;
  OpCounters counters;
  ArenaStats arena;
};
/// Exact when the heap is at rest.
void collect_stats(HeapCore& heap, HeapStats* out);

/// Calls visit(block, usable bytes, context) for every live block, under the arena's lock.
void walk_live(HeapCore& heap, void (*visit)(void* block, std::size_t usable_bytes, void* context),
               void* context);

/// The bytes of a live block that the program asked for; all that it may use where nothing records them.
inline std::size_t asked_bytes(const HeapCore& heap, const void* block, std::size_t usable) {
  const bool recorded = heap.tracker && heap.tracker->recorded(heap, block);
  return recorded ? heap.tracker->requested(heap, block) : usable;
}

// ---- the caller holds the arena's lock: no span is given back or taken ----

/// Calls visit(first unit, span) for every span.
template <typename Visit>
void each_span(const HeapCore& heap, Visit&& visit) {
  for (u32 at = 0; at < heap.arena.frontier();) {
    const u32 units = heap.arena.span(at)->units;
    if (units == 0) return;
    visit(at, *heap.arena.span(at));
    at += units;
  }
}

/// Calls visit(block, usable bytes) for every live block.
template <typename Visit>
void each_live(const HeapCore& heap, Visit&& visit) {
  each_span(heap, [&](u32, const Span& span) {
    const SpanKind kind = kind_of(span);
    if (kind == SpanKind::kLarge) {
      if (byte_load(heap.arena.state_of(span.start)) == kLargeLive) visit(span.start, span.block_bytes);
      return;
    }
    if (kind != SpanKind::kSlab) return;
    for (u32 slot = HAK_SEEDED(kWalkMissesFirst); slot < span.carved; ++slot) {
      std::byte* at = slab_slot_address(span, slot);
      if (is_live_state(byte_load(heap.arena.state_of(at))) &&
          !(heap.tracker && heap.tracker->withheld(heap, at)))
        visit(at, std::size_t{span.stride} - 1);
    }
  });
}

/// Calls visit(address, bytes) for all memory that is the heap's: blocks, tables, caches, itself. The caller
/// holds the registry's lock.
template <typename Visit>
void each_own_range(const HeapCore& heap, Visit&& visit) {
  heap.arena.each_range(visit);
  heap.guarded.each_range(visit);
  if (heap.tracker) heap.tracker->each_range(visit);
  for (const ThreadCache* cache = heap.caches.load(kAcquire); cache; cache = cache->next_cache) {
    cache->withheld.each_range(visit);
    visit(cache, kThreadCacheBytes);
  }
  visit(&heap, sizeof heap);
}

}  // namespace hak
