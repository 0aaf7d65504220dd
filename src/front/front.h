#pragma once
// The paths of malloc and free. Each fast path is one screen, a leaf without spills; every cold exit
// is a tail jump. Front<P> is one instantiation of the policies; all of them run on the same heap.
//
// F1  direct and FastLane entry give the same pointer, verdict and errno for every size and mask
#include <errno.h>

#include "core/validate.h"
#include "front/routes.h"

namespace hak {

template <Policy P>
struct Front {
  // ---- malloc ----
  FAST_PATH static void* allocate(HeapCore& heap, ThreadCache* cache, std::size_t bytes, Api api) {
    if constexpr (P.direct) return tiny_allocate(bytes, cache, heap, api);
    return fastlane_allocate(bytes, cache, heap, api);
  }

  // ---- free ----
  FAST_PATH static void release(HeapCore& heap, ThreadCache* cache, void* p, Api api) {
    if constexpr (!P.direct) return fastlane_release(p, cache, heap, api);
    tiny_release(p, cache, heap, api);
  }

  /// Frees p if it is a live slot of a slab that the thread owns, of the class that serves `bytes`: what a
  /// sized delete nearly always is. False, and nothing is done, for all else.
  FAST_PATH static bool release_of_class(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes, Api api) {
    if (!P.direct || HAK_UNLIKELY(bytes > kMaxSlabRequest)) return false;
    Block block = look(heap, p);
    if (HAK_UNLIKELY(!block)) return false;
    const std::uintptr_t offset = pair_offset(heap, *cache, block);
    if (HAK_UNLIKELY(offset != kPairOffsets[granules_for(bytes)])) return false;
    push_on(heap, cache, block, offset, api);
    return true;
  }

  /// The token of a live slot, validated as often as the policy demands; false if it is none.
  FAST_PATH static Block look(HeapCore& heap, void* p) {
    Block block = Validator::first_look(heap.arena, Wild(p));
    if constexpr (!P.trusted) {
      if (block && HAK_UNLIKELY(!Validator::second_look(heap.arena, block))) return Validator::refused();
    }
    return block;
  }

 private:
  FAST_PATH static void tiny_release(void* p, ThreadCache* cache, HeapCore& heap, Api api) {
    Block block = Validator::first_look(heap.arena, Wild(p));
    if (HAK_UNLIKELY(!block)) return release_slow(p, cache, heap, api);
    push(heap, cache, static_cast<Block&&>(block), api);
  }

  FAST_PATH static void* tiny_allocate(std::size_t bytes, ThreadCache* cache, HeapCore& heap, Api api) {
    if (HAK_UNLIKELY(bytes > kMaxSlabRequest)) return allocate_slow(bytes, cache, heap, api);
    std::uintptr_t offset = kPairOffsets[granules_for(bytes)];
    void** top = pair_at(cache, offset)->alloc_top;
    if (HAK_UNLIKELY(at_boundary(top))) return allocate_empty(bytes, cache, heap, api);
    ++pair_at(cache, offset)->alloc_top;
    void* slot = *top;
    opaque(slot);  // comes in the register it is returned in
    if (!HAK_SEEDED(kLiveBitUnset)) owner_or(heap.arena.state_of(slot), kLiveBits);
    count_malloc<P>(*cache);
    return slot;
  }

  /// The trusted function: it takes the token and does not look again, unless the policy asks for the
  /// duplicate validation. Checks the owner by the slab's word.
  FAST_PATH static void push(HeapCore& heap, ThreadCache* cache, Block&& block, Api api) {
    void* p = block.ptr();
    if constexpr (!P.trusted) {
      if (HAK_UNLIKELY(!Validator::second_look(heap.arena, block)))
        return release_slow(p, cache, heap, api);
    }
    const std::uintptr_t offset = pair_offset(heap, *cache, block);
    if (HAK_UNLIKELY(offset >= kPairsBytes)) return release_remote(p, cache, heap, api);
    push_on(heap, cache, block, offset, api);
  }

  /// Of the slot's pair in the cache; kPairsBytes or more if another thread owns the slab.
  FAST_PATH static std::uintptr_t pair_offset(const HeapCore& heap, const ThreadCache& cache,
                                               const Block& block) {
    const auto granule = static_cast<std::size_t>(block.state() - heap.arena.state);
    return heap.arena.owner_word(granule >> kGranuleToUnitShift) - address_of(&cache);
  }

  /// The end of every free of an own slot, whose token the caller holds and lets go. Checks the header
  /// behind it.
  FAST_PATH static void push_on(HeapCore& heap, ThreadCache* cache, const Block& block, std::uintptr_t offset,
                                Api api) {
    void* p = block.ptr();
    const std::ptrdiff_t behind = pair_at(cache, offset)->trailing;
    if (HAK_UNLIKELY(byte_at(p, behind - 1) != block.live()) && !HAK_SEEDED(kTrailingSkipped))
      return release_slow(p, cache, heap, api);
    void** top = pair_at(cache, offset)->free_top;
    if (HAK_UNLIKELY(top <= pair_at(cache, offset)->free_limit))
      return release_full(p, cache, heap, pair_at(cache, offset));
    top[-1] = p;
    --pair_at(cache, offset)->free_top;
    if (HAK_SEEDED(kTokenReused) && top - 1 != pair_at(cache, offset)->free_limit) *--pair_at(cache, offset)->free_top = p;
    if (!HAK_SEEDED(kLiveBitKept)) owner_and(block.state(), kKeyMask);
    count_free<P>(*cache);
  }

  /// The pair at an offset into the cache, computed anew for every access: base and offset are then
  /// one operand of it, and a top is moved in memory, which saves an addition and a store.
  FAST_PATH static MagazinePair* pair_at(ThreadCache* cache, std::uintptr_t& offset) {
    opaque(offset);
    return reinterpret_cast<MagazinePair*>(reinterpret_cast<std::byte*>(cache) + offset);
  }

  // ---- the FastLane layer (A off): gates, class mask, first header look ----
  HAK_NOINLINE static void* fastlane_allocate(std::size_t bytes, ThreadCache* cache, HeapCore& heap, Api api) {
    if (HAK_UNLIKELY(!cache->heap)) return allocate_slow(bytes, cache, heap, api);
    const unsigned route = route_of_bytes(bytes);
    if (route >= kMediumRoute || !(gate_class_mask<P>(heap, *cache) >> route & 1))
      return general_allocate(bytes, cache, heap, api);
    if (!served_by_cache<P>(heap, *cache, class_of_bytes(bytes)))
      return allocate_slow(bytes, cache, heap, api);
    return tiny_allocate(bytes, cache, heap, api);
  }
  HAK_NOINLINE static void* general_allocate(std::size_t bytes, ThreadCache* cache, HeapCore& heap, Api api) {
    return tiny_allocate(bytes + HAK_SEEDED(kLaneAddsByte), cache, heap, api);
  }
  HAK_NOINLINE static void fastlane_release(void* p, ThreadCache* cache, HeapCore& heap, Api api) {
    if (HAK_UNLIKELY(!cache->heap || !has_header(heap, p)))
      return release_slow(p, cache, heap, api);
    const unsigned route = byte_route(heap, p);
    if (route >= kMediumRoute || !(gate_class_mask<P>(heap, *cache) >> route & 1))
      return general_release(p, cache, heap, api);
    tiny_release(p, cache, heap, api);
  }
  HAK_NOINLINE static void general_release(void* p, ThreadCache* cache, HeapCore& heap, Api api) {
    tiny_release(p, cache, heap, api);
  }
  /// The layer's own look: a slot start in range with a header byte of the right shape before it.
  static bool has_header(const HeapCore& heap, const void* p) {
    return heap.arena.contains(p) && address_of(p) % kGranuleBytes == 0 &&
           is_live_state(byte_load(heap.arena.state_of(p))) && is_live_state(byte_at(p, -1));
  }
  static unsigned byte_route(const HeapCore& heap, const void* p) {
    const Arena& arena = heap.arena;
    return kRouteOfClass[arena.span(arena.span_of(arena.unit_of(p)))->size_class];
  }

  // ---- cold exits ----
  /// The allocation magazine of the class is empty: exchange, refill, or no cache yet.
  HAK_NOINLINE static void* allocate_empty(std::size_t bytes, ThreadCache* cache, HeapCore& heap, Api api);
  SLOW_PATH static void* allocate_slow(std::size_t bytes, ThreadCache* cache, HeapCore& heap, Api api);
  SLOW_PATH static void release_slow(void* p, ThreadCache* cache, HeapCore& heap, Api api);
  HAK_NOINLINE static void release_remote(void* p, ThreadCache* cache, HeapCore& heap, Api api);
  HAK_NOINLINE static void release_full(void* p, ThreadCache* cache, HeapCore& heap, MagazinePair* pair);
  SLOW_PATH static void release_slowly(void* p, ThreadCache* cache, HeapCore& heap);
};

}  // namespace hak

#include "front/cold.h"
