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
    return note(heap, Front<P>::allocate(heap, cache, bytes, api), bytes, api);
  }

  static void* calloc(HeapCore& heap, ThreadCache* cache, std::size_t count, std::size_t size, Api api) {
    [[maybe_unused]] const annotate::Quiet quiet;
    std::size_t bytes = 0;
    if (HAK_UNLIKELY(__builtin_mul_overflow(count, size, &bytes))) return out_of_memory();
    if (bytes > kMaxSlabRequest)
      return note(heap, Memory<P>::calloc(heap, cache, 1, bytes, api), bytes, api, true);
    void* p = allocate(heap, cache, bytes, api);
    if (p) memset(p, 0, bytes);
    return p;
  }

  static void* allocate_aligned(HeapCore& heap, ThreadCache* cache, std::size_t alignment,
                                std::size_t bytes, Api api) {
    [[maybe_unused]] const annotate::Quiet quiet;
    return note(heap, Memory<P>::allocate_aligned(heap, cache, alignment, bytes, api), bytes, api);
  }

  static void release(HeapCore& heap, ThreadCache* cache, void* p, Api api) {
    if (HAK_UNLIKELY(!cache->heap)) return heap.unattached->release(heap, p, api);
    [[maybe_unused]] const annotate::Quiet quiet;
    if (HAK_UNLIKELY(freed_already(heap, p, api))) return;
    finish_release(heap, cache, p, admit_release(heap, p, api), api);
  }

  static void release_sized(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes,
                            std::size_t alignment, Api api) {
    if (!p) return;
    [[maybe_unused]] const annotate::Quiet quiet;
    const std::size_t full = exact_usable(heap, p);
    if (HAK_UNLIKELY(freed_already(heap, p, api))) return;
    Fault fault = Memory<P>::check_sized(heap, p, bytes, alignment);
    if (fault == Fault::kNone && full && heap.tracker && heap.tracker->recorded(heap, p) &&
        heap.tracker->requested(heap, p) != bytes)
      fault = Fault::kSizeMismatch;
    if (HAK_UNLIKELY(fault != Fault::kNone))
      return Memory<P>::raise_mismatch(heap, p, api, bytes, fault);
    finish_release(heap, cache, p, admit_release(heap, p, api), api);
  }

  /// The requested size: the slack belongs to the canary.
  static std::size_t usable(HeapCore& heap, void* p, Api api) {
    [[maybe_unused]] const annotate::Quiet quiet;
    if (HAK_UNLIKELY(freed_already(heap, p, api))) return 0;
    const std::size_t bytes = Memory<P>::usable(heap, p, api);
    return bytes && heap.tracker && heap.tracker->recorded(heap, p) ? heap.tracker->requested(heap, p) : bytes;
  }

  static void* reallocate(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes, Api api) {
    [[maybe_unused]] const annotate::Quiet quiet;
    if (HAK_UNLIKELY(freed_already(heap, p, api))) return nullptr;
    const std::size_t full = exact_usable(heap, p);
    // The path inside reports what is no live block, or damaged behind.
    if (!full || !intact(heap, p)) return Memory<P>::reallocate(heap, cache, p, bytes, api);
    FaultRecord record;
    record.api = api;
    if (heap.tracker) record.fault = heap.tracker->check_live(heap, p, full, api, &record);
    if (HAK_UNLIKELY(record.fault != Fault::kNone)) {
      record.api = api;
      heap.raise(record);
      return nullptr;
    }
    // Always a fresh block: a stale pointer to the old one is found, whatever the sizes are.
    void* fresh = allocate(heap, cache, bytes, api);
    if (!fresh) return nullptr;
    const std::size_t had =
        heap.tracker && heap.tracker->recorded(heap, p) ? heap.tracker->requested(heap, p) : full;
    memcpy(fresh, p, bytes < had ? bytes : had);
    release(heap, cache, p, api);
    return fresh;
  }

 private:
  /// Usable bytes if p is a live block, else 0; reports nothing.
  static std::size_t exact_usable(HeapCore& heap, void* p) {
    if (Block block = Front<P>::look(heap, p)) return Memory<P>::slot_bytes(heap, p);
    return Validator::is_live_large(heap.arena, p) ? heap.large.usable_bytes(p) : 0;
  }

  static bool intact(HeapCore& heap, void* p) {
    if (Block block = Front<P>::look(heap, p)) return Memory<P>::intact_behind(heap, p, block.live());
    return true;
  }

  /// A block that is being handed out: its header may have been overwritten while it was free.
  static void* note(HeapCore& heap, void* p, std::size_t bytes, Api api, bool zeroed = false) {
    if (!p || (!heap.tracker && !annotate::kOn)) return p;
    FaultRecord record;
    const std::size_t full = Validator::is_live_large(heap.arena, p) ? heap.large.usable_bytes(p)
                                                                     : Memory<P>::slot_bytes(heap, p);
    if (heap.tracker) record.fault = heap.tracker->on_allocate(heap, p, bytes, full, api, &record);
    annotate::live(p, bytes, full, zeroed);
    if (record.fault == Fault::kNone && !exact_usable(heap, p))
      record.fault = Validator::diagnose(heap, p, &record);
    if (HAK_UNLIKELY(record.fault != Fault::kNone)) {
      record.api = api;
      heap.raise(record);
    }
    return p;
  }

  static void raise(HeapCore& heap, const void* p, Api api, Fault fault) {
    FaultRecord record;
    Validator::diagnose(heap, p, &record);
    heap.tracker->describe(heap, p, &record);
    record.fault = fault;
    record.api = api;
    heap.raise(record);
  }

  /// Looked at first: a header that was damaged meanwhile must not hide that this is a second free.
  static bool freed_already(HeapCore& heap, const void* p, Api api) {
    if (!heap.tracker || !heap.tracker->withheld(heap, p)) return false;
    raise(heap, p, api, Fault::kDoubleFree);
    return true;
  }

  enum class Admitted : u8 { kRefused, kUnknown, kFreed };

  /// The slot rests, and one that has rested long enough is freed in its place.
  static void finish_release(HeapCore& heap, ThreadCache* cache, void* p, Admitted admitted, Api api) {
    if (admitted == Admitted::kRefused) return;
    if (admitted == Admitted::kFreed) {
      void* rested = heap.tracker->withhold(heap, p);
      if (!rested) return;
      if (rested != p) {
        FaultRecord record;
        record.fault = heap.tracker->check_filled(heap, rested, Memory<P>::slot_bytes(heap, rested), &record);
        if (HAK_UNLIKELY(record.fault != Fault::kNone)) {
          record.api = api;
          heap.raise(record);
        }
        p = rested;
      }
    }
    Front<P>::release(heap, cache, p, api);
  }

  static Admitted admit_release(HeapCore& heap, void* p, Api api) {
    const Block block = Front<P>::look(heap, p);
    const std::size_t full = block                                      ? Memory<P>::slot_bytes(heap, p)
                             : Validator::is_live_large(heap.arena, p) ? heap.large.usable_bytes(p)
                                                                       : 0;
    // What the path inside will refuse it also reports; the block keeps its content and record then.
    if (!full || (!heap.tracker && !annotate::kOn)) return Admitted::kUnknown;
    if (block && !Memory<P>::intact_behind(heap, p, block.live())) return Admitted::kUnknown;
    FaultRecord record;
    if (heap.tracker) record.fault = heap.tracker->check_live(heap, p, full, api, &record);
    if (HAK_UNLIKELY(record.fault != Fault::kNone)) {
      record.api = api;
      heap.raise(record);
      return Admitted::kRefused;
    }
    if (heap.tracker && !heap.tracker->on_release(heap, p, full)) {
      raise(heap, p, api, Fault::kRacingFree);
      return Admitted::kRefused;
    }
    annotate::freed(p, full);
    return heap.tracker ? Admitted::kFreed : Admitted::kUnknown;
  }
};

}  // namespace hak
