// Frees by threads that do not own the slab, and slabs that change owner.
//
// R1  a slot's state leaves "live" for "remote" by one successful exchange; its bit is set after it
// R2  bit set and owner != null => the slab is queued, or the poster is about to queue it
// R3  owner changes only under the old owner's remote_lock (to null) or from null by the adopter
// R4  a slab with queued == 1 is on exactly the list of its owner
// R5  a bit set in a slab whose slots are all free is the second free of a slot, and is reported: by the
//     destroyer, who ends the slab's birth number before its last look, or by the poster, who looks at
//     the number after it has set the bit
//
// Who writes: any thread sets bits and, under the owner's lock, queues; the owner (or adopter) takes
// bits and clears queued. Publication: bit (seq_cst) before the look at queued and owner; queued or
// owner (seq_cst) before the look at the bits. In the total order of the four, one side sees the
// other. A stale read costs an empty collection, never a slot.
#include <string.h>

#include "base/check.h"
#include "base/probes.h"
#include "core/heap_core.h"

namespace hak {
namespace {

/// Frees into slabs without an owner are collected when somebody adopts the slab; if nobody does, now
/// and then here.
void note_orphan_post(HeapCore& heap) {
  constexpr u32 kPostsPerSweep = 16384;
  if (heap.orphan_posts.fetch_add(1, kRelaxed) % kPostsPerSweep == kPostsPerSweep - 1)
    sweep_abandoned(heap);
}

void queue_slab(HeapCore& heap, u32 unit) {
  Span& slab = *heap.arena.span(unit);
  while (slab.queued.load(HAK_SEEDED(kSeqCstMissing) ? kAcquire : kSeqCst) == 0) {
    ThreadCache* owner = slab.owner.load(kSeqCst);
    if (HAK_SEEDED(kRemoteNotQueued)) return;
    if (!owner) return note_orphan_post(heap);  // whoever adopts the slab collects first
    Locked locked(owner->remote_lock);
    if (slab.owner.load(kRelaxed) != owner) continue;
    if (slab.queued.load(kRelaxed) == 0) {
      slab.queued.store(1, kRelaxed);
      slab.remote_next = HAK_SEEDED(kQueueDropsOthers) ? kNoSpan : owner->remote_head.load(kRelaxed);
      owner->remote_head.store(unit, kRelease);
    }
    return;
  }
}

/// Next slab with posted frees, no longer queued.
u32 pop_queued(HeapCore& heap, ThreadCache& cache) {
  Locked locked(cache.remote_lock);
  const u32 unit = cache.remote_head.load(kRelaxed);
  if (unit == kNoSpan) return kNoSpan;
  Span& slab = *heap.arena.span(unit);
  cache.remote_head.store(slab.remote_next, kRelaxed);
  if (!HAK_SEEDED(kQueuedClearedLate)) slab.queued.store(0, kSeqCst);
  return unit;
}

void raise_racing(HeapCore& heap, const Span& slab, u32 unit, const void* slot, u8 state) {
  FaultRecord record;
  record.fault = Fault::kRacingFree;
  record.api = Api::kInternal;
  record.ptr = slot;
  record.block_begin = slot;
  record.size_class = slab.size_class;
  record.slot = static_cast<long>(slab_slot_of(*heap.arena.span(unit), slot));
  record.usable_bytes = slab.stride - 1;
  record.state = state;
  heap.raise(record);
}

/// Takes the posted bits of one slab into its free bitmap. The state decides once more: a slot whose
/// owner freed it at the same moment is not "remote" any more, and is not freed twice.
u32 collect_slab(HeapCore& heap, u32 unit) {
  Span& slab = *heap.arena.span(unit);
  const u8 remote = with_kind(slab.header, kRemoteBits);
  const bool zero = heap.zeroes(slab.size_class);
  return slab_collect_remote(heap.arena, unit, [&](std::byte* slot) {
    u8* state = heap.arena.state_of(slot);
    if (HAK_UNLIKELY(!remote_exchange(state, remote, with_kind(remote, kFreeBits))) &&
        !HAK_SEEDED(kCollectUnchecked)) {
      raise_racing(heap, slab, unit, slot, byte_load(state));
      return;
    }
    if (zero && !HAK_SEEDED(kRemoteNotZeroed)) memset(slot, 0, slab.stride - 1);
    HAK_CHECK(slab_put(heap.arena, unit, slot));
  });
}

/// Empty slabs of a class that stay, of one cache and without an owner each.
u32 empty_slabs_kept(const Span& slab) {
  return kEmptySlabUnits > slab.units ? kEmptySlabUnits / slab.units : 1;
}

void list_by_room(HeapCore& heap, ThreadCache& cache, u32 unit) {
  Span& slab = *heap.arena.span(unit);
  OwnedSlabs& slabs = cache.slabs[slab.size_class];
  slab.on_full_list = slab.free_count == 0 && slab.carved == slab.slots;
  slab.empty_listed = false;
  (slab.on_full_list ? slabs.full : slabs.available).push(heap.arena.spans(), unit);
}

/// Gives back a slab whose slots are all free; nobody owns it any more (R5).
void destroy_slab(HeapCore& heap, u32 unit) {
  heap.arena.span(unit)->birth.store(0, kSeqCst);
  if (!HAK_SEEDED(kDestroyBlind)) collect_slab(heap, unit);
  slab_destroy(heap.arena, unit);
}

}  // namespace

bool post_remote(HeapCore& heap, void* slot, u8 live_state, bool queue) {
  // Taken while the slot is live, so that the geometry is its own: after the exchange a racing owner
  // may have made another slab of the span, which its birth tells (R5).
  const u32 unit = heap.arena.span_of(heap.arena.unit_of(slot));
  const u32 index = slab_slot_of(*heap.arena.span(unit), slot);
  if (index >= kMaxSlabSlots) return false;
  u8* state = heap.arena.state_of(slot);
  Span& slab = *heap.arena.span(unit);
  const u32 birth = slab.birth.load(kRelaxed);
  bool looked = HAK_SEEDED(kQueueLookEarly) && slab.queued.load(kSeqCst);
  bool bit_first = HAK_SEEDED(kBitBeforeState) && slab_post_remote(heap.arena, unit, index);
  if (!remote_exchange(state, live_state, with_kind(live_state, kRemoteBits)) && !HAK_SEEDED(kRacingFreeAccepted))
    return false;
  if (!bit_first && !slab_post_remote(heap.arena, unit, index)) return HAK_SEEDED(kRacingFreeAccepted);
  if (HAK_UNLIKELY(slab.birth.load(kSeqCst) != birth) && !HAK_SEEDED(kDestroyBlind))
    return slab_unpost_remote(heap.arena, unit, index);
  if (queue && !looked) queue_slab(heap, unit);
  HAK_PROBE2(remote_free, slot, index);
  return true;
}

void collect_remote(HeapCore& heap, ThreadCache& cache) {
  if (cache.remote_head.load(kAcquire) == kNoSpan) return;
  for (u32 unit = pop_queued(heap, cache); unit != kNoSpan; unit = pop_queued(heap, cache)) {
    Span& slab = *heap.arena.span(unit);
    cache.counters.remote_collected += collect_slab(heap, unit);
    if (HAK_SEEDED(kQueuedClearedLate)) slab.queued.store(0, kSeqCst);
    if (slab.on_full_list && slab.free_count) {
      cache.slabs[slab.size_class].full.remove(heap.arena.spans(), unit);
      list_by_room(heap, cache, unit);
    }
    note_empty(heap, cache, unit);
  }
}

void note_empty(HeapCore& heap, ThreadCache& cache, u32 unit) {
  Span& slab = *heap.arena.span(unit);
  if (slab.free_count != slab.carved || slab.empty_listed) return;
  OwnedSlabs& slabs = cache.slabs[slab.size_class];
  if (slabs.empty_count >= empty_slabs_kept(slab)) {
    retire_slab(heap, cache, unit);
    return;
  }
  slab.empty_listed = true;
  ++slabs.empty_count;
}

void retire_slab(HeapCore& heap, ThreadCache& cache, u32 unit) {
  Span& slab = *heap.arena.span(unit);
  {
    Locked locked(cache.remote_lock);
    // A poster that has set its bit may still be about to queue the slab (R4): leave it then.
    if (slab.queued.load(kRelaxed) && !HAK_SEEDED(kRetireQueued)) return;
    slab.owner.store(nullptr, kSeqCst);
  }
  OwnedSlabs& slabs = cache.slabs[slab.size_class];
  slabs.available.remove(heap.arena.spans(), unit);
  if (slab.empty_listed) --slabs.empty_count;
  destroy_slab(heap, unit);
  heap.tick();
}

void set_owner(HeapCore& heap, u32 unit, ThreadCache* cache) {
  Span& slab = *heap.arena.span(unit);
  const std::uintptr_t word = cache ? address_of(&cache->pair(slab.size_class)) : 0;
  for (u32 i = 0; i < (HAK_SEEDED(kOwnerOfFirstUnit) ? 1 : slab.units); ++i)
    atomic_store(heap.arena.word(unit + i), word, kRelaxed);
  slab.owner.store(cache, kSeqCst);
}

bool adopt_slab(HeapCore& heap, ThreadCache& cache, unsigned size_class) {
  // Full slabs are taken along; a few at a time, so that one refill stays short.
  for (int tries = 0; tries < 8; ++tries) {
    if (heap.abandoned_count[size_class].load(kRelaxed) == 0) return false;
    u32 unit = kNoSpan;
    {
      Locked locked(heap.abandoned_lock);
      unit = heap.abandoned[size_class].head;
      if (unit == kNoSpan) return false;
      heap.abandoned[size_class].remove(heap.arena.spans(), unit);
      heap.abandoned_count[size_class].fetch_sub(1, kRelaxed);
      if (heap.arena.span(unit)->empty_listed) --heap.abandoned_empty[size_class];
      set_owner(heap, unit, &cache);
    }
    if (!HAK_SEEDED(kAdoptForgetsPosts)) cache.counters.remote_collected += collect_slab(heap, unit);
    list_by_room(heap, cache, unit);
    if (!heap.arena.span(unit)->on_full_list) return true;
  }
  return false;
}

void disown_all(HeapCore& heap, ThreadCache& cache) {
  if (!HAK_SEEDED(kDisownUnlocked)) cache.remote_lock.lock();
  for (OwnedSlabs& slabs : cache.slabs) {
    for (const SpanList* list : {&slabs.available, &slabs.full})
      for (u32 unit = list->head; unit != kNoSpan; unit = heap.arena.span(unit)->next)
        set_owner(heap, unit, nullptr);
  }
  for (u32 unit = cache.remote_head.load(kRelaxed); unit != kNoSpan;) {
    Span& slab = *heap.arena.span(unit);
    unit = slab.remote_next;
    if (!HAK_SEEDED(kExitLeavesQueued)) slab.queued.store(0, kSeqCst);
  }
  cache.remote_head.store(kNoSpan, kRelaxed);
  if (!HAK_SEEDED(kDisownUnlocked)) cache.remote_lock.unlock();
}

void abandon_slab(HeapCore& heap, u32 unit) {
  Span& slab = *heap.arena.span(unit);
  collect_slab(heap, unit);
  Locked locked(heap.abandoned_lock);
  // Threads that come and go must not make and break the same slabs.
  slab.empty_listed = slab.free_count == slab.carved;
  if (slab.empty_listed && heap.abandoned_empty[slab.size_class]++ >= empty_slabs_kept(slab)) {
    --heap.abandoned_empty[slab.size_class];
    destroy_slab(heap, unit);
    return;
  }
  if (HAK_SEEDED(kAbandonedLost)) return;
  heap.abandoned[slab.size_class].push(heap.arena.spans(), unit);
  heap.abandoned_count[slab.size_class].fetch_add(1, kRelaxed);
}

void sweep_abandoned(HeapCore& heap) {
  Locked locked(heap.abandoned_lock);
  for (SpanList& list : heap.abandoned) {
    for (u32 unit = list.head; unit != kNoSpan;) {
      Span& slab = *heap.arena.span(unit);
      const u32 next = slab.next;
      collect_slab(heap, unit);
      if (slab.free_count == slab.carved) {
        heap.abandoned_count[slab.size_class].fetch_sub(1, kRelaxed);
        if (slab.empty_listed) --heap.abandoned_empty[slab.size_class];
        list.remove(heap.arena.spans(), unit);
        destroy_slab(heap, unit);
      }
      unit = next;
    }
  }
}

}  // namespace hak
