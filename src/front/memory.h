#pragma once
// What malloc and free are not: calloc, realloc, aligned forms, sized frees, usable size. Built on
// Front<P>; each validates before it decides anything.
#include <string.h>

#include "core/tracker.h"
#include "front/front.h"

namespace hak {

template <Policy P>
struct Memory {
  static void* calloc(HeapCore& heap, ThreadCache* cache, std::size_t count, std::size_t size, Api api) {
    std::size_t bytes = 0;
    if (HAK_UNLIKELY(__builtin_mul_overflow(count, size, &bytes)) && !HAK_SEEDED(kCallocOverflow))
      return out_of_memory();
    if (bytes > kMaxSlabRequest && cache->heap) {
      void* block = heap.allocate_large(bytes, kGranuleBytes, true);
      if (block) count_malloc<P>(*cache);
      return block ? block : out_of_memory();
    }
    void* p = Front<P>::allocate(heap, cache, bytes, api);
    if (HAK_LIKELY(p != nullptr) && !HAK_SEEDED(kDirtyCalloc)) memset(p, 0, bytes);
    return p;
  }

  /// `alignment` is a power of two.
  static void* allocate_aligned(HeapCore& heap, ThreadCache* cache, std::size_t alignment,
                                std::size_t bytes, Api api) {
    if (alignment <= kGranuleBytes) return Front<P>::allocate(heap, cache, bytes, api);
    const unsigned size_class = class_of_aligned(bytes, alignment);
    if (size_class < kClassCount)
      return Front<P>::allocate(heap, cache, kStrides[size_class] - 1, api);
    void* block = heap.allocate_large(bytes, alignment, false);
    if (block) count_malloc<P>(*cache);
    return block ? block : out_of_memory();
  }

  /// Usable bytes of a live block; 0 after a report.
  static std::size_t usable(HeapCore& heap, void* p, Api api) {
    if (Block block = Front<P>::look(heap, p)) return slot_bytes(heap, p);
    if (Validator::is_live_large(heap.arena, p)) return heap.large.usable_bytes(p);
    if (heap.takes_foreign(p)) return heap.foreign->usable(p);
    raise_diagnosed(heap, p, api, Fault::kRacingFree);
    return 0;
  }

  /// p is not null and bytes is not 0 (the C ABI decides those).
  static void* reallocate(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes, Api api) {
    Block block = Front<P>::look(heap, p);
    if (HAK_UNLIKELY(!block)) return reallocate_large(heap, cache, p, bytes, api);
    if (HAK_UNLIKELY(!intact_behind(heap, p, block.live()))) {
      raise_diagnosed(heap, p, api, Fault::kRacingFree);
      return nullptr;
    }
    const std::size_t usable_bytes = slot_bytes(heap, p);
    if (bytes <= kMaxSlabRequest && kStrides[class_of_bytes(bytes)] - 1 == usable_bytes) return p;
    void* fresh = Front<P>::allocate(heap, cache, bytes, api);
    if (!fresh) return nullptr;
    memcpy(fresh, p, (bytes < usable_bytes ? bytes : usable_bytes) - HAK_SEEDED(kReallocCopiesLess));
    Front<P>::release(heap, cache, p, api);
    return fresh;
  }

  /// What a sized free of p with this size (and alignment, 0 if none was given) is: kNone if the size
  /// decides the class that the block is of, or p is no live block (free reports that).
  static Fault check_sized(HeapCore& heap, void* p, std::size_t bytes, std::size_t alignment) {
    const bool placed = alignment == 0 || address_of(p) % alignment == 0;
    if (Block block = Front<P>::look(heap, p)) {
      if (HAK_LIKELY(slab_class(heap, p) == class_for(bytes, alignment)) || HAK_SEEDED(kSizeIgnored)) return Fault::kNone;
    } else if (Validator::is_live_large(heap.arena, p)) {
      const Span& span = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)));
      if (HAK_LIKELY((span.requested_bytes == bytes || HAK_SEEDED(kLargeSizeIgnored)) && placed)) return Fault::kNone;
      // An aligned form asked for all of a slot: what the program asked for is not known exactly.
      if (span.sample && span.requested_bytes + 1 == kStrides[span.size_class] && placed &&
          class_for(bytes, alignment) == span.size_class)
        return Fault::kNone;
    } else {
      return Fault::kNone;
    }
    return placed || HAK_SEEDED(kAlignmentReason) ? Fault::kSizeMismatch : Fault::kAlignmentMismatch;
  }

  FAST_PATH static void release_sized(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes,
                                      std::size_t alignment, Api api) {
    if (HAK_LIKELY(alignment == 0) && HAK_LIKELY(Front<P>::release_of_class(heap, cache, p, bytes, api))) return;
    release_checked(heap, cache, p, bytes, alignment, api);
  }

  HAK_NOINLINE static void release_checked(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes,
                                           std::size_t alignment, Api api) {
    if (!p) return;
    const Fault fault = check_sized(heap, p, bytes, alignment);
    if (HAK_UNLIKELY(fault != Fault::kNone)) return raise_mismatch(heap, p, api, bytes, fault);
    Front<P>::release(heap, cache, p, api);
  }

  static void raise_mismatch(HeapCore& heap, const void* p, Api api, std::size_t given, Fault fault) {
    FaultRecord record;
    Validator::diagnose(heap, p, &record);
    record.fault = fault;
    record.api = api;
    record.requested_bytes = given;
    record.has_requested = true;
    if (heap.tracker && record.block_begin)
      heap.tracker->describe(heap, record.block_begin, &record);
    heap.raise(record);
  }

  static std::size_t slot_bytes(HeapCore& heap, const void* p) {
    return heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)))->stride - !HAK_SEEDED(kUsablePlusOne);
  }

  /// The class that serves such a request, kClassCount if none does.
  static unsigned class_for(std::size_t bytes, std::size_t alignment) {
    if (alignment > kGranuleBytes) return class_of_aligned(bytes, alignment);
    return bytes <= kMaxSlabRequest ? class_of_bytes(bytes) : kClassCount;
  }

  static unsigned slab_class(HeapCore& heap, const void* p) {
    return heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)))->size_class;
  }
  /// The header behind the live slot p is as it was written.
  static bool intact_behind(HeapCore& heap, const void* p, u8 live) {
    if (!heap.trailing_check) return true;
    return byte_at(p, static_cast<std::ptrdiff_t>(slot_bytes(heap, p))) == live;
  }

 private:
  HAK_NOINLINE static void* reallocate_large(HeapCore& heap, ThreadCache* cache, void* p,
                                             std::size_t bytes, Api api) {
    if (heap.takes_foreign(p)) return heap.foreign->reallocate(p, bytes);
    // Claimed while it is resized: a racing free or realloc of the block is a fault of its own.
    const Claim claim = claim_large(heap, p, api);
    if (HAK_UNLIKELY(claim != Claim::kHeld)) {
      if (claim == Claim::kNotLive) raise_diagnosed(heap, p, api, Fault::kRacingFree);
      return nullptr;
    }
    if (bytes > kMaxRequestBytes) {
      heap.large.unclaim(p);
      return out_of_memory();
    }
    if (bytes > kMaxSlabRequest && !in_locked_section() && heap.large.resize(p, bytes)) {
      heap.large.unclaim(p);
      return p;
    }
    const std::size_t usable_bytes = heap.large.usable_bytes(p);
    void* fresh = Front<P>::allocate(heap, cache, bytes, api);
    if (!fresh) {
      heap.large.unclaim(p);
      return nullptr;
    }
    if (bytes < usable_bytes || !heap.large.move_pages(p, fresh))
      memcpy(fresh, p, (bytes < usable_bytes ? bytes : usable_bytes) / (1 + HAK_SEEDED(kReallocLargeCopiesHalf)));
    count_free<P>(*cache);
    heap.release_claimed(p);
    return fresh;
  }
};

}  // namespace hak
