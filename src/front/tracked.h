#pragma once
// The paths with exact records around them: Debug always, Release in the paranoid profile. The fast
// paths inside are the same; what is added is in this file.
#include "front/memory.h"

namespace hak {

template <Policy P>
struct Tracked {
  static void* allocate(HeapCore& heap, ThreadCache* cache, std::size_t bytes, Api api) {
    if (HAK_UNLIKELY(!cache->heap)) return heap.unattached->allocate(heap, bytes, api);
    [[maybe_unused]] const annotate::Quiet quiet;
    return note(heap, cache, Front<P>::allocate(heap, cache, bytes, api), bytes, api);
  }

  static void* calloc(HeapCore& heap, ThreadCache* cache, std::size_t count, std::size_t size, Api api) {
    [[maybe_unused]] const annotate::Quiet quiet;
    std::size_t bytes = 0;
    if (HAK_UNLIKELY(__builtin_mul_overflow(count, size, &bytes))) return out_of_memory();
    if (bytes > kMaxSlabRequest)
      return note(heap, cache, Memory<P>::calloc(heap, cache, 1, bytes, api), bytes, api, true);
    void* p = allocate(heap, cache, bytes, api);
    if (p) memset(p, 0, bytes);
    return p;
  }

  static void* allocate_aligned(HeapCore& heap, ThreadCache* cache, std::size_t alignment,
                                std::size_t bytes, Api api) {
    [[maybe_unused]] const annotate::Quiet quiet;
    return note(heap, cache, Memory<P>::allocate_aligned(heap, cache, alignment, bytes, api), bytes, api);
  }

  static void release(HeapCore& heap, ThreadCache* cache, void* p, Api api) {
    if (HAK_UNLIKELY(!cache->heap)) return heap.unattached->release(heap, p, api);
    [[maybe_unused]] const annotate::Quiet quiet;
    const Held held = hold(heap, p);
    if (HAK_UNLIKELY(freed_already(heap, held, api))) return;
    finish_release(heap, cache, held, api);
  }

  static void release_sized(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes,
                            std::size_t alignment, Api api) {
    if (!p) return;
    [[maybe_unused]] const annotate::Quiet quiet;
    const Held held = hold(heap, p);
    if (HAK_UNLIKELY(freed_already(heap, held, api))) return;
    Fault fault = Memory<P>::check_sized(heap, p, bytes, alignment);
    if (fault == Fault::kNone && held.usable && recorded(held) && heap.tracker->requested(heap, p) != bytes)
      fault = Fault::kSizeMismatch;
    if (HAK_UNLIKELY(fault != Fault::kNone))
      return Memory<P>::raise_mismatch(heap, p, api, bytes, fault);
    finish_release(heap, cache, held, api);
  }

  /// The requested size: the slack belongs to the canary.
  static std::size_t usable(HeapCore& heap, void* p, Api api) {
    [[maybe_unused]] const annotate::Quiet quiet;
    const Held held = hold(heap, p);
    if (HAK_UNLIKELY(freed_already(heap, held, api))) return 0;
    const std::size_t bytes = Memory<P>::usable(heap, p, api);
    return bytes && recorded(held) ? heap.tracker->requested(heap, p) : bytes;
  }

  static void* reallocate(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes, Api api) {
    [[maybe_unused]] const annotate::Quiet quiet;
    const Held held = hold(heap, p);
    if (HAK_UNLIKELY(freed_already(heap, held, api))) return nullptr;
    // The path inside reports what is no live block, or damaged behind.
    if (!held.usable || !intact(heap, held)) return Memory<P>::reallocate(heap, cache, p, bytes, api);
    if (heap.tracker && HAK_UNLIKELY(!heap.tracker->check_live(heap, held, api))) return nullptr;
    // What was written beside a sampled block is reported before anything is moved.
    if (HAK_UNLIKELY(!held.slab() && held.span->sample != 0)) {
      const Claim claim = claim_large(heap, p, api);
      if (claim == Claim::kDamaged) return nullptr;
      if (claim == Claim::kHeld) heap.large.unclaim(p);
    }
    // Always a fresh block: a stale pointer to the old one is found, whatever the sizes are.
    void* fresh = allocate(heap, cache, bytes, api);
    if (!fresh) return nullptr;
    const std::size_t had = recorded(held) ? heap.tracker->requested(heap, p) : held.usable;
    memcpy(fresh, p, bytes < had ? bytes : had);
    release(heap, cache, p, api);
    return fresh;
  }

  /// The records' part of a free that no cache serves, so that nothing is withheld. False if p must not be
  /// freed, which has been reported then.
  static bool record_release(HeapCore& heap, void* p, Api api) {
    const Held held = hold(heap, p);
    if (HAK_UNLIKELY(freed_already(heap, held, api))) return false;
    return !held.usable || !intact(heap, held) || heap.tracker->on_release(heap, held, api);
  }

 private:
  /// What is known of p; its usable bytes are 0 if it is no live block. Reports nothing.
  FAST_PATH static Held hold(HeapCore& heap, void* p) {
    Held held;
    held.at = p;
    if (HAK_LIKELY(heap.tracker != nullptr)) held.record = heap.tracker->find(heap, p);
    if (Block block = Front<P>::look(heap, p); HAK_LIKELY(block)) {
      held.live = block.live();
      hold_span(heap, held);
    } else if (Validator::is_live_large(heap.arena, p)) {
      hold_span(heap, held);
      held.usable = heap.large.usable_bytes(p);
    }
    return held;
  }
  FAST_PATH static void hold_span(HeapCore& heap, Held& held) {
    held.span = heap.arena.span(heap.arena.span_of(heap.arena.unit_of(held.at)));
    held.usable = held.span->stride - !HAK_SEEDED(kUsablePlusOne);
  }
  static bool recorded(const Held& held) { return held.record && held.record->live; }
  /// The header behind a live slot is as it was written.
  FAST_PATH static bool intact(const HeapCore& heap, const Held& held) {
    return !held.slab() || !heap.trailing_check ||
           byte_at(held.at, static_cast<std::ptrdiff_t>(held.usable)) == held.live;
  }

  /// A block that is being handed out: its header may have been overwritten while it was free.
  FAST_PATH static void* note(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes, Api api,
                              bool zeroed = false) {
    if (HAK_UNLIKELY(!p)) return p;
    Held held = hold(heap, p);
    const bool damaged = HAK_UNLIKELY(!held.usable);
    if (damaged) hold_span(heap, held);
    const bool clean = !heap.tracker || heap.tracker->on_allocate(heap, held, bytes, api);
    annotate::live(p, bytes, held.usable, zeroed);
    if (HAK_UNLIKELY(damaged) && clean) report_damaged(heap, p, api);
    if (heap.tracker && held.slab()) {
      void** top = cache->pair(held.span->size_class).alloc_top;
      if (HAK_LIKELY(!at_boundary(top))) heap.tracker->fetch_ahead(heap, *top, held.usable);
    }
    return p;
  }

  SLOW_PATH static void report_damaged(HeapCore& heap, const void* p, Api api) {
    FaultRecord record;
    const Fault fault = Validator::diagnose(heap, p, &record);
    if (fault == Fault::kNone) return;
    record.fault = fault;
    record.api = api;
    heap.raise(record);
  }

  /// Looked at first: a header that was damaged meanwhile must not hide that this is a second free.
  FAST_PATH static bool freed_already(HeapCore& heap, const Held& held, Api api) {
    if (HAK_LIKELY(!held.record || held.record->live)) return false;
    return report_freed(heap, held.at, api);
  }
  SLOW_PATH static bool report_freed(HeapCore& heap, const void* p, Api api) {
    if (!heap.tracker->withheld(heap, p)) return false;
    FaultRecord record;
    Validator::diagnose(heap, p, &record);
    heap.tracker->describe(heap, p, &record);
    record.fault = Fault::kDoubleFree;
    record.api = api;
    heap.raise(record);
    return true;
  }

  /// The slot rests, and one that has rested long enough is freed in its place. What the path inside
  /// will refuse it also reports; the block keeps its content and record then.
  FAST_PATH static void finish_release(HeapCore& heap, ThreadCache* cache, const Held& held, Api api) {
    void* p = held.at;
    if (HAK_LIKELY(held.usable && intact(heap, held))) {
      if (heap.tracker && HAK_UNLIKELY(!heap.tracker->on_release(heap, held, api))) return;
      annotate::freed(p, held.usable);
      if (heap.tracker) p = heap.tracker->withhold(heap, *cache, held, api);
      if (!p) return;
    }
    Front<P>::release(heap, cache, p, api);
  }
};

}  // namespace hak
