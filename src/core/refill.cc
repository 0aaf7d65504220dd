// Refill and flush: magazines against the slabs the thread owns.
#include <string.h>

#include <utility>

#include "base/check.h"
#include "core/heap_core.h"
#include "core/zero.h"

namespace hak {
namespace {

void** block_end(ThreadCache& cache, unsigned size_class, int which) {
  return cache.blocks[size_class][which] + kMagazineBytes / sizeof(void*);
}

/// First use of a class by this thread: both magazines at their boundaries.
void open_class(ThreadCache& cache, unsigned size_class) {
  MagazinePair& pair = cache.pair(size_class);
  pair.capacity = kFirstCapacity < magazine_capacity_max(size_class)
                      ? kFirstCapacity
                      : magazine_capacity_max(size_class);
  pair.refill = pair.capacity;
  pair.alloc_top = block_end(cache, size_class, 0);
  pair.free_top = block_end(cache, size_class, 1) - pair.capacity;
}

void** block_end_of(void** top) {
  return reinterpret_cast<void**>(round_up(address_of(top), kMagazineBytes));
}

/// Start of the block a free magazine lies in: top may be at the end of it.
void** free_begin(MagazinePair& pair) { return block_end_of(pair.free_top) - pair.capacity; }

u32 doubled(u32 slots, unsigned size_class) {
  const u32 max = magazine_capacity_max(size_class);
  return slots * 2 > max ? max : slots * 2;
}

/// Exchanges *at with slots[bits & mask]. The barrier keeps the compiler from holding all eight of a
/// block in registers it does not have.
FAST_PATH void transpose(void** slots, void** at, u64 mask, u64 bits) {
  const u64 j = bits & mask;
  void* slot = *at;
  *at = slots[j];
  if (!HAK_SEEDED(kShuffleDuplicates)) slots[j] = slot;
  asm volatile("" ::: "memory");
}

template <u32... K>
FAST_PATH void transpose_block(void** slots, void** at, u64 mask, u64 bits,
                               std::integer_sequence<u32, K...>) {
  (transpose(slots, at + 2 * K, mask, bits >> 8 * K), ...);
}

/// Random transpositions: with w the largest power of two not above count, every second of the last w
/// slots changes places with a random one of the first w. A full magazine gets 16, 80 bits of order,
/// at two instructions a slot; a Fisher-Yates shuffle measured ten. A slot keeps its place in one
/// exchange with probability about 1/2, so what an attacker can predict halves with each.
FAST_PATH void shuffle(Random& random, void** slots, u32 count) {
  if (count < 2) return;
  const u32 window = 1U << (31 - __builtin_clz(count));
  const u64 mask = u64{window} - 1;
  void** const end = slots + count;
  void** at = end - window;
  for (; at + 16 <= end; at += 16)
    transpose_block(slots, at, mask, random.next(), std::make_integer_sequence<u32, 8>{});
  for (u64 bits = random.next(); at < end; ++at, bits >>= 8) transpose(slots, at, mask, bits);
}

/// The free magazine becomes the allocation magazine and the other way round.
void exchange(HeapCore& heap, ThreadCache& cache, unsigned size_class) {
  MagazinePair& pair = cache.pair(size_class);
  const u32 count = free_count(pair);
  void** end = block_end_of(pair.free_top);
  void** begin = end - count;
  // The order is of no meaning yet, so only what lies in front of the new beginning moves, to the gap
  // at the end.
  void** first = end - pair.capacity;
  const u32 gap = pair.capacity - count;
  for (u32 i = 0; i < gap && i < count; ++i) first[pair.capacity - 1 - i] = first[i];
  if (heap.zeroes(size_class) && !HAK_SEEDED(kZeroingSkipped)) zero_slots(size_class, begin, count);
  if (heap.random_order && !HAK_SEEDED(kOrderKept)) shuffle(cache.random, begin, count);
  // What the allocation magazine had left rests with the next freed slots.
  const u32 left = alloc_count(pair);
  void** old_end = block_end_of(pair.alloc_top);
  pair.capacity = doubled(pair.capacity, size_class);
  void** resting = old_end - pair.capacity;
  for (u32 i = HAK_SEEDED(kExchangeLosesSlot); i < left; ++i) resting[i] = pair.alloc_top[i];
  pair.alloc_top = begin;
  pair.free_top = resting + left;
  ++cache.counters.exchanges;
}

/// Takes slots from the owned slabs, then abandoned ones, then a fresh one. Returns how many.
u32 take_slots(HeapCore& heap, ThreadCache& cache, unsigned size_class, void** out, u32 want) {
  OwnedSlabs& slabs = cache.slabs[size_class];
  u32 taken = 0;
  while (taken < want) {
    const u32 unit = slabs.available.head;
    if (unit == kNoSpan) {
      if (taken) break;
      if (adopt_slab(heap, cache, size_class)) continue;
      u32 fresh = slab_create(heap.arena, size_class, cache.random);
      if (fresh == kNoSpan && heap.large.cached_bytes()) {
        heap.large.purge_cached(true);
        fresh = slab_create(heap.arena, size_class, cache.random);
      }
      if (fresh == kNoSpan) break;
      set_owner(heap, fresh, &cache);
      slabs.available.push(heap.arena.spans(), fresh);
      continue;
    }
    Span& slab = *heap.arena.span(unit);
    if (slab.empty_listed) {
      slab.empty_listed = false;
      --slabs.empty_count;
    }
    taken += slab_take(heap.arena, unit, cache.random, heap.random_order, out + taken, want - taken);
    if (slab.free_count == 0 && slab.carved == slab.slots) {
      slabs.available.remove(heap.arena.spans(), unit);
      slabs.full.push(heap.arena.spans(), unit);
      slab.on_full_list = true;
    }
  }
  return taken;
}

void flush_free_magazine(HeapCore& heap, ThreadCache& cache, unsigned size_class) {
  MagazinePair& pair = cache.pair(size_class);
  void** begin = free_begin(pair);
  const u32 count = free_count(pair);
  if (heap.zeroes(size_class) && !HAK_SEEDED(kFlushNotZeroed)) zero_slots(size_class, begin, count);
  for (u32 i = 0; i < count; ++i) return_to_slab(heap, cache, begin[i]);
  void** end = block_end_of(pair.free_top);
  pair.capacity = doubled(pair.capacity, size_class);
  pair.free_top = end - pair.capacity;
  ++cache.counters.flushes;
}

}  // namespace

void return_to_slab(HeapCore& heap, ThreadCache& cache, void* slot) {
  const u32 unit = heap.arena.span_of(heap.arena.unit_of(slot));
  Span& slab = *heap.arena.span(unit);
  HAK_CHECK(slab_put(heap.arena, unit, slot));
  OwnedSlabs& slabs = cache.slabs[slab.size_class];
  if (slab.on_full_list) {
    slabs.full.remove(heap.arena.spans(), unit);
    slabs.available.push(heap.arena.spans(), unit);
    slab.on_full_list = false;
  }
  if (slab.free_count == slab.carved) note_empty(heap, cache, unit);
}

void* exchange_and_pop(HeapCore& heap, ThreadCache& cache, unsigned size_class) {
  exchange(heap, cache, size_class);
  void* slot = *cache.pair(size_class).alloc_top++;
  if (HAK_SEEDED(kPopWithoutLive)) return slot;
  owner_or(heap.arena.state_of(slot), kLiveBits);
  return slot;
}

void* refill_and_pop(HeapCore& heap, ThreadCache& cache, unsigned size_class) {
  MagazinePair& pair = cache.pair(size_class);
  if (!pair.alloc_top) open_class(cache, size_class);
  if (cache.remote_head.load(kRelaxed) != kNoSpan) collect_remote(heap, cache);
  if (exchange_is_due(pair)) return exchange_and_pop(heap, cache, size_class);
  const u32 want = pair.refill;
  pair.refill = doubled(want, size_class);
  void** end = block_end_of(pair.alloc_top);
  const u32 got = take_slots(heap, cache, size_class, end - want, want);
  if (got == 0)
    return free_count(pair) ? exchange_and_pop(heap, cache, size_class) : nullptr;
  if (got != want) memmove(end - got, end - want, got * sizeof(void*));
  if (heap.random_order) shuffle(cache.random, end - got, got);
  pair.alloc_top = end - got;
  if ((++cache.counters.refills & 63) == 0) heap.tick();
  void* slot = *pair.alloc_top++;
  owner_or(heap.arena.state_of(slot), kLiveBits);
  return slot;
}

void make_room_and_push(HeapCore& heap, ThreadCache& cache, unsigned size_class, void* slot) {
  MagazinePair& pair = cache.pair(size_class);
  if (!pair.free_top) {
    open_class(cache, size_class);
  } else if (alloc_count(pair) * 2 <= pair.capacity) {
    // Frees run ahead a little: the slabs need not hear of it.
    exchange(heap, cache, size_class);
  } else {
    flush_free_magazine(heap, cache, size_class);
  }
  *pair.free_top++ = slot;
}

void* pop_from_slabs(HeapCore& heap, ThreadCache& cache, unsigned size_class) {
  if (cache.remote_head.load(kRelaxed) != kNoSpan) collect_remote(heap, cache);
  void* slot = nullptr;
  if (take_slots(heap, cache, size_class, &slot, 1) == 0) return nullptr;
  owner_or(heap.arena.state_of(slot), kLiveBits);
  return slot;
}

void retire_empty(HeapCore& heap, ThreadCache& cache) {
  for (OwnedSlabs& slabs : cache.slabs) {
    for (u32 unit = slabs.available.head; unit != kNoSpan;) {
      const Span& slab = *heap.arena.span(unit);
      const u32 next = slab.next;
      if (slab.free_count == slab.carved) retire_slab(heap, cache, unit);
      unit = next;
    }
  }
}

void close_magazines(ThreadCache& cache) {
  for (MagazinePair& pair : cache.pairs) {
    pair.alloc_top = nullptr;
    pair.free_top = nullptr;
    pair.capacity = 0;
  }
}

void flush_all(HeapCore& heap, ThreadCache& cache) {
  collect_remote(heap, cache);
  const auto put_back = [&](void** from, u32 count) {
    for (u32 i = 0; i < count; ++i) return_to_slab(heap, cache, from[i]);
  };
  for (unsigned c = 0; c < kClassCount; ++c) {
    MagazinePair& pair = cache.pair(c);
    if (!pair.alloc_top) continue;
    if (heap.zeroes(c)) zero_slots(c, free_begin(pair), free_count(pair));
    put_back(free_begin(pair), free_count(pair));
    if (!HAK_SEEDED(kExitLosesSlots)) put_back(pair.alloc_top, alloc_count(pair));
  }
  close_magazines(cache);
  retire_empty(heap, cache);
}

void recover_all(HeapCore& heap, ThreadCache& cache) {
  close_magazines(cache);
  for (unsigned c = 0; c < kClassCount; ++c) {
    OwnedSlabs& slabs = cache.slabs[c];
    for (SpanList* list : {&slabs.full, &slabs.available}) {
      for (u32 unit = list->head; unit != kNoSpan;) {
        const u32 next = heap.arena.span(unit)->next;
        const Span& slab = *heap.arena.span(unit);
        for (u32 slot = 0; slot < slab.carved; ++slot) {
          void* at = slab_slot_address(slab, slot);
          if (state_kind(byte_load(heap.arena.state_of(at))) != kFreeBits) continue;
          if (slab_is_free(heap.arena, at)) continue;
          if (heap.zeroes(c)) zero_slots(c, &at, 1);
          slab_put(heap.arena, unit, at);
        }
        unit = next;
      }
    }
  }
}

}  // namespace hak
