#include "core/walk.h"

#include "core/validate.h"

namespace hak {
namespace {

/// The two bits of a state that say what it is, as an index.
constexpr unsigned kKindShift = 6;
static_assert(kStateMask == 3 << kKindShift);

struct SlabCounts {
  u32 live = 0, free = 0, remote = 0, virgin = 0, damaged = 0, withheld = 0;
};

/// Reads states only, never the program's memory: other threads may be at work.
SlabCounts count_states(const HeapCore& heap, const Span& slab) {
  // Sixteen bits for each kind, in one register: counters in memory would wait for each other.
  constexpr unsigned kCountBits = 16;
  static_assert(kMaxSlabSlots < 1U << kCountBits);
  u64 kinds = 0;
  SlabCounts counts;
  const u32 carved = slab.carved < slab.slots ? slab.carved : slab.slots;
  const std::size_t step = slab.stride / kGranuleBytes;
  const u8* at = heap.arena.state_of(slab.start);
  for (u32 slot = 0; slot < carved; ++slot, at += step) {
    const u8 state = byte_load(at);
    kinds += u64{1} << (state >> kKindShift) * kCountBits;
    counts.damaged += ((state ^ slab.header) & kKeyMask) != 0;
    // In quarantine a slot's state is live still; its record says that it was freed.
    if (heap.tracker && state_kind(state) == kLiveBits)
      counts.withheld += heap.tracker->withheld(heap, slab_slot_address(slab, slot));
  }
  const auto of_kind = [&](u8 bits) {
    return static_cast<u32>(kinds >> (bits >> kKindShift) * kCountBits & ((1U << kCountBits) - 1));
  };
  counts.free = of_kind(kFreeBits);
  counts.live = of_kind(kLiveBits) - counts.withheld;
  counts.remote = of_kind(kRemoteBits);
  counts.virgin = of_kind(kVirginBits);
  return counts;
}

u32 damaged_headers(const Span& slab) {
  u32 damaged = 0;
  for (u32 slot = 0; slot < slab.carved; ++slot)
    damaged += static_cast<u8>(slab_slot_address(slab, slot)[-1]) != slab.header;
  return damaged;
}

/// Granules of the units that a slot starts at. A line of the cache at a time: few of them hold any.
u32 count_starts(const Arena& arena, u32 unit, u32 units) {
  constexpr std::size_t kWords = 8, kLine = kWords * sizeof(u64);
  static_assert(kNotASlot == 0 && kGranulesPerUnit % kLine == 0);
  const u8* states = arena.state_of(arena.unit_address(unit));
  u32 starts = 0;
  for (const u8* at = states; at != states + units * kGranulesPerUnit; at += kLine) {
    const auto* words = reinterpret_cast<const u64*>(at);
    u64 any = 0;
    for (std::size_t i = 0; i < kWords; ++i) any |= racy_load(words[i]);
    if (!any) continue;
    for (std::size_t i = 0; i < kLine; ++i) starts += byte_load(at + i) != kNotASlot;
  }
  return starts;
}

/// S1-S3 and H1 of one slab.
const char* verify_slab(const HeapCore& heap, u32 unit, const Span& slab) {
  if (slab.carved > slab.slots) return "S3 carved <= slots";
  const u64* bits = heap.arena.free_bits(unit);
  u32 set = 0;
  for (u32 first = 0; first < slab.slots; first += 64) {
    for (u64 word = bits[first / 64]; word; word &= word - 1, ++set) {
      const u32 slot = first + static_cast<u32>(__builtin_ctzll(word));
      if (slot >= slab.carved) return "S2 a free bit means a carved slot";
      const u8 kind = state_kind(byte_load(heap.arena.state_of(slab_slot_address(slab, slot))));
      if (kind != kFreeBits && kind != kVirginBits) return "S2 a free bit means a free state";
    }
  }
  if (set != slab.free_count) return "S2 free_count == bits set";
  const SlabCounts counts = count_states(heap, slab);
  u32 posted = 0;
  for (u32 w = 0; w * 64 < slab.slots; ++w)
    posted += static_cast<u32>(__builtin_popcountll(heap.arena.remote_bits(unit)[w].load(kRelaxed)));
  if (posted != counts.remote) return "R1 a remote state has its bit";
  if (count_starts(heap.arena, unit, slab.units) != slab.carved) return "S3 a state is set exactly at carved slots";
  if (slab.carved && byte_at(slab_slot_address(slab, slab.carved), -1) != slab.header)
    return "H1 the header behind the last slot";
  if (counts.damaged || damaged_headers(slab)) return "H1 state and header carry the slab's key";
  return nullptr;
}

/// M1-M3 of one cache: every slot in a magazine is free, in no bitmap, of a slab the cache owns.
const char* verify_cache(HeapCore& heap, ThreadCache& cache) {
  for (unsigned c = 0; c < kClassCount; ++c) {
    const MagazinePair& pair = cache.pair(c);
    const u32 freed = free_count(pair);
    const auto times_cached = [&](const void* slot) {
      u32 times = 0;
      for (u32 i = 0; i < alloc_count(pair); ++i) times += pair.alloc_top[i] == slot;
      for (u32 i = 0; i < freed; ++i) times += pair.free_top[i] == slot;
      return times;
    };
    const auto check = [&](void* const* from, u32 count) -> const char* {
      for (u32 i = 0; i < count; ++i) {
        if (times_cached(from[i]) != 1) return "M3 a slot is in one magazine, once";
        const u32 unit = heap.arena.span_of(heap.arena.unit_of(from[i]));
        const Span& slab = *heap.arena.span(unit);
        if (slab.size_class != c) return "M1 a magazine holds slots of its class";
        if (slab.owner.load(kRelaxed) != &cache) return "M1 a magazine holds slots of its owner";
        if (state_kind(byte_load(heap.arena.state_of(from[i]))) != kFreeBits)
          return "M3 a cached slot is free";
        if (slab_is_free(heap.arena, from[i])) return "M3 a cached slot is in no bitmap";
      }
      return nullptr;
    };
    if (const char* broken = check(pair.alloc_top, alloc_count(pair))) return broken;
    if (const char* broken = check(pair.free_top, freed)) return broken;
  }
  return nullptr;
}

}  // namespace

void collect_stats(HeapCore& heap, HeapStats* out) {
  *out = {};
  if (!heap.ready) return;
  std::size_t free_or_virgin = 0;
  // While the lock is held no span is given back or taken, so every slab keeps its geometry.
  {
    Locked locked(heap.arena.lock);
    each_span(heap, [&](u32, const Span& span) {
      if (kind_of(span) == SpanKind::kSlab) {
        const SlabCounts counts = count_states(heap, span);
        out->live_blocks += counts.live;
        out->live_bytes += std::size_t{counts.live} * (span.stride - 1);
        out->remote_blocks += counts.remote;
        free_or_virgin += counts.free + counts.virgin;
      } else if (kind_of(span) == SpanKind::kLarge && byte_load(heap.arena.state_of(span.start)) == kLargeLive) {
        ++out->live_blocks;
        out->live_bytes += span.block_bytes;
      }
    });
  }
  // After the blocks: the arena only grows, so that no more is seen live than committed.
  heap.arena.stats(&out->arena);
  Locked locked(heap.registry_lock);
  out->counters = heap.retired;
  for (ThreadCache* cache = heap.caches.load(kAcquire); cache; cache = cache->next_cache) {
    if (cache->in_use) ++out->threads;
    out->counters.mallocs += cache->counters.mallocs;
    out->counters.frees += cache->counters.frees;
    out->counters.refills += cache->counters.refills;
    out->counters.flushes += cache->counters.flushes;
    out->counters.exchanges += cache->counters.exchanges;
    out->counters.remote_frees += cache->counters.remote_frees;
    out->counters.remote_collected += cache->counters.remote_collected;
    for (unsigned c = 0; c < kClassCount; ++c)
      out->cached_blocks += alloc_count(cache->pair(c)) + free_count(cache->pair(c));
  }
  out->counters.remote_frees += heap.remote_from_outside.load(kRelaxed);
  out->slab_free_blocks =
      free_or_virgin > out->cached_blocks ? free_or_virgin - out->cached_blocks : 0;
}

void walk_live(HeapCore& heap, void (*visit)(void*, std::size_t, void*), void* context) {
  if (!heap.ready) return;
  Locked locked(heap.arena.lock);
  each_live(heap, [&](void* block, std::size_t usable) { visit(block, usable, context); });
}

const char* HeapCore::verify() {
  [[maybe_unused]] const annotate::Quiet quiet;
  if (!ready) return nullptr;
  if (!arena.verify()) return "A1-A3 spans cover the arena";
  const char* broken = nullptr;
  each_span(*this, [&](u32 unit, const Span& span) {
    if (!broken && kind_of(span) == SpanKind::kSlab) broken = verify_slab(*this, unit, span);
    if (broken || kind_of(span) != SpanKind::kLarge) return;
    const u8 state = byte_load(arena.state_of(span.start));
    if (state != kLargeLive && state != kLargeFreed) broken = "L1 a large block is live or cached";
  });
  for (ThreadCache* cache = caches.load(kAcquire); cache && !broken; cache = cache->next_cache)
    broken = verify_cache(*this, *cache);
  if (broken) return broken;
  HeapStats stats;
  collect_stats(*this, &stats);
  std::size_t in_bitmaps = 0;
  each_span(*this, [&](u32, const Span& span) {
    if (kind_of(span) == SpanKind::kSlab) in_bitmaps += span.free_count;
  });
  return in_bitmaps == stats.slab_free_blocks ? nullptr : "S1 every slot is in one place";
}

}  // namespace hak
