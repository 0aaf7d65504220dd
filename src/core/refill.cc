// Refill and flush: magazines against the slabs the thread owns.
#include <string.h>

#include <utility>

#include "base/check.h"
#include "base/probes.h"
#include "core/heap_core.h"
#include "core/zero.h"

namespace hak {
namespace {

void** block_end(ThreadCache& cache, unsigned size_class, int which) {
  return cache.blocks[size_class][which] + kMagazineBytes / sizeof(void*);
}

u8 doubled(u32 slots, const MagazinePair& pair) {
  return static_cast<u8>(slots * 2 > pair.capacity_max ? pair.capacity_max : slots * 2);
}

/// First use of a class by this thread: both magazines at their boundaries.
void open_class(HeapCore& heap, ThreadCache& cache, unsigned size_class) {
  MagazinePair& pair = cache.pair(size_class);
  pair.capacity_max = static_cast<u8>(magazine_capacity_max(size_class));
  pair.capacity = doubled(kFirstCapacity / 2, pair);
  pair.refill = pair.capacity;
  pair.zero = heap.zeroes(size_class);
  pair.alloc_top = block_end(cache, size_class, 0);
  pair.free_top = block_end(cache, size_class, 1);
  pair.free_limit = pair.free_top - pair.capacity;
}

/// Exchanges *at with slots[j]. The barrier keeps the compiler from holding all eight of a block in
/// registers it does not have; the index is forgotten in between so that no address is kept.
FAST_PATH void transpose(void** slots, void** at, u64 j) {
  void* slot = *at;
  *at = slots[j];
  opaque(j);
  if (!HAK_SEEDED(kShuffleDuplicates)) slots[j] = slot;
  asm volatile("" ::: "memory");
}

template <u32 kStep, u32... K>
FAST_PATH void transpose_block(void** slots, void** at, u64 indices, std::integer_sequence<u32, K...>) {
  // Through memory: a byte is then one load and not a shift and a mask.
  u8 index[8];
  __builtin_memcpy(index, &indices, sizeof index);
  asm volatile("" : "+m"(index));
  (transpose(slots, at + kStep * K, index[K]), ...);
}

/// Each of `window / 2` slots, every kStep-th from `at` on, changes places with a random one of the
/// `window` slots of the pool. The window is a power of two and not 1.
template <u32 kStep>
FAST_PATH void transpose_all(Random& state, void** pool, u32 window, void** at) {
  Random random = state;
  void** const end = at + window / 2 * kStep;
  const u64 masks = (window - 1) * 0x0101010101010101ULL;
  if (window >= 16) {
    do {
      transpose_block<kStep>(pool, at, random.next() & masks, std::make_integer_sequence<u32, 8>{});
      at += 8 * kStep;
    } while (at < end);
  } else {
    for (u64 bits = random.next() & masks; at < end; at += kStep, bits >>= 8)
      transpose(pool, at, bits & 0xff);
  }
  state = random;
}

/// With w the largest power of two not above count, w / 2 random transpositions: a full magazine gets
/// 32, 192 bits of order, at 1.6 instructions a slot; a Fisher-Yates shuffle measured ten. A slot that
/// is not chosen keeps its place, with probability about 1/2 in one exchange.
FAST_PATH u32 shuffle_window(u32 count) { return 1U << (31 - __builtin_clz(count)); }

/// Freed slots, the last freed in front: those are the ones that change places with older ones.
FAST_PATH void shuffle_freed(Random& random, void** slots, u32 count) {
  if (count < 2) return;
  const u32 window = shuffle_window(count);
  transpose_all<1>(random, slots + count - window, window, slots);
}
/// Slots in the order of their addresses: every second one changes places.
void shuffle_fresh(Random& random, void** slots, u32 count) {
  if (count < 2) return;
  const u32 window = shuffle_window(count);
  transpose_all<2>(random, slots, window, slots + count - window);
}

/// The free magazine becomes the allocation magazine and the other way round; what that one had left
/// rests with the next freed slots. Returns the first slot of the new allocation magazine.
template <bool kZero>
FAST_PATH void** exchange(HeapCore& heap, ThreadCache& cache, MagazinePair& pair, void** old_end) {
  void** begin = pair.free_top;
  const u32 count = free_count(pair);
  if (kZero && !HAK_SEEDED(kZeroingSkipped)) zero_slots(class_of_pair(cache, pair), begin, count);
  if (heap.random_order && !HAK_SEEDED(kOrderKept)) shuffle_freed(cache.random, begin, count);
  pair.free_top = pair.alloc_top + (HAK_SEEDED(kExchangeLosesSlot) && pair.alloc_top != old_end);
  pair.capacity = doubled(pair.capacity, pair);
  pair.free_limit = old_end - pair.capacity;
  ++cache.counters.exchanges;
  return begin;
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
      if (HAK_UNLIKELY(fresh == kNoSpan)) {
        sweep_abandoned(heap);
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
  const u32 count = free_count(pair);
  if (pair.zero && !HAK_SEEDED(kFlushNotZeroed)) zero_slots(size_class, pair.free_top, count);
  return_to_slabs(heap, cache, pair.free_top, count);
  pair.free_top += count;
  pair.capacity = doubled(pair.capacity, pair);
  pair.free_limit = pair.free_top - pair.capacity;
  HAK_PROBE3(flush, size_class, count, cache.id);
  ++cache.counters.flushes;
}

}  // namespace

void return_to_slabs(HeapCore& heap, ThreadCache& cache, void* const* slots, u32 count) {
  Arena& arena = heap.arena;
  while (count) {
    const u32 unit = arena.span_of(arena.unit_of(*slots));
    const u32 put = slab_put_run(arena, unit, slots, count);
    slots += put;
    count -= put;
    Span& slab = *arena.span(unit);
    if (slab.on_full_list) {
      OwnedSlabs& slabs = cache.slabs[slab.size_class];
      slabs.full.remove(arena.spans(), unit);
      slabs.available.push(arena.spans(), unit);
      slab.on_full_list = false;
    }
    if (slab.free_count == slab.carved) note_empty(heap, cache, unit);
  }
}

namespace {

template <bool kZero>
FAST_PATH void* exchange_then_pop(HeapCore& heap, ThreadCache& cache, MagazinePair& pair) {
  void** begin = exchange<kZero>(heap, cache, pair, pair.alloc_top);
  pair.alloc_top = begin + 1;
  void* slot = *begin;
  if (!HAK_SEEDED(kPopWithoutLive)) owner_or(heap.arena.state_of(slot), kLiveBits);
  return slot;
}
template <bool kZero>
FAST_PATH void exchange_then_push(HeapCore& heap, ThreadCache& cache, MagazinePair& pair, void* slot) {
  pair.alloc_top = exchange<kZero>(heap, cache, pair, block_end_of(pair.alloc_top));
  *--pair.free_top = slot;
}
// Apart, so that without zeroing the exchange is a leaf that saves no registers.
HAK_NOINLINE void* zero_exchange_and_pop(HeapCore& heap, ThreadCache& cache, MagazinePair& pair) {
  return exchange_then_pop<true>(heap, cache, pair);
}
HAK_NOINLINE void zero_exchange_and_push(HeapCore& heap, ThreadCache& cache, MagazinePair& pair, void* slot) {
  exchange_then_push<true>(heap, cache, pair, slot);
}

}  // namespace

void* exchange_and_pop(HeapCore& heap, ThreadCache& cache, MagazinePair& pair) {
  if (pair.zero) return zero_exchange_and_pop(heap, cache, pair);
  return exchange_then_pop<false>(heap, cache, pair);
}

void exchange_and_push(HeapCore& heap, ThreadCache& cache, MagazinePair& pair, void* slot) {
  if (pair.zero) return zero_exchange_and_push(heap, cache, pair, slot);
  exchange_then_push<false>(heap, cache, pair, slot);
}

void* refill_and_pop(HeapCore& heap, ThreadCache& cache, unsigned size_class) {
  MagazinePair& pair = cache.pair(size_class);
  if (!pair.alloc_top) open_class(heap, cache, size_class);
  if (cache.remote_head.load(kRelaxed) != kNoSpan) collect_remote(heap, cache);
  if (exchange_is_due(pair)) return exchange_and_pop(heap, cache, pair);
  const u32 want = pair.refill;
  pair.refill = doubled(want, pair);
  void** end = block_end_of(pair.alloc_top);
  const u32 got = take_slots(heap, cache, size_class, end - want, want);
  if (got == 0)
    return free_count(pair) ? exchange_and_pop(heap, cache, pair) : nullptr;
  if (got != want) memmove(end - got, end - want, got * sizeof(void*));
  if (heap.random_order) shuffle_fresh(cache.random, end - got, got);
  pair.alloc_top = end - got;
  HAK_PROBE3(refill, size_class, got, cache.id);
  if ((++cache.counters.refills & 63) == 0) heap.tick();
  void* slot = *pair.alloc_top++;
  owner_or(heap.arena.state_of(slot), kLiveBits);
  return slot;
}

void make_room_and_push(HeapCore& heap, ThreadCache& cache, unsigned size_class, void* slot) {
  MagazinePair& pair = cache.pair(size_class);
  if (!pair.free_top) {
    open_class(heap, cache, size_class);
  } else if (exchange_makes_room(pair)) {
    return exchange_and_push(heap, cache, pair, slot);
  } else {
    flush_free_magazine(heap, cache, size_class);
  }
  *--pair.free_top = slot;
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
    pair.free_top = pair.free_limit = nullptr;
    pair.capacity = 0;
  }
}

void flush_all(HeapCore& heap, ThreadCache& cache) {
  collect_remote(heap, cache);
  for (unsigned c = 0; c < kClassCount; ++c) {
    MagazinePair& pair = cache.pair(c);
    if (!pair.alloc_top) continue;
    if (pair.zero) zero_slots(c, pair.free_top, free_count(pair));
    return_to_slabs(heap, cache, pair.free_top, free_count(pair));
    if (!HAK_SEEDED(kExitLosesSlots))
      return_to_slabs(heap, cache, pair.alloc_top, alloc_count(pair));
  }
  close_magazines(cache);
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
