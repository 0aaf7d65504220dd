#pragma once
// Large blocks: a span of their own, of a random length, and in it a random place; all the rest of the
// span is a guard, at least a page on both sides. The state byte of the first granule is the authority,
// exactly as for a slot. Freed blocks of moderate size stay cached, guards in place, until the purge
// delay is over; under quarantine most of that room is for blocks that are withheld.
//
// L1  live(block) <=> state == kLargeLive; a cached or withheld block's state is kLargeFreed
// L2  cached_bytes == sum of the cached and withheld spans' sizes <= kCacheMaxBytes
#include "backing/arena.h"

namespace hak {

class LargeBlocks {
 public:
  constexpr explicit LargeBlocks(Arena& arena) : arena_(arena) {}
  void seed(u64 value) { random_ = Random(value); }
  /// Freed blocks are withheld for the whole purge delay instead of being reused, and closed: who uses
  /// one then faults. Small ones for which there is no room are cleared and cached for reuse, others go at once.
  void quarantine(bool on) { withholds_ = on; }

  /// A block of `bytes` at `alignment` (a power of two). Zero if asked for, without touching pages
  /// that are fresh from the kernel. Null when memory is exhausted. Any thread.
  void* allocate(std::size_t bytes, std::size_t alignment, bool zero);
  /// Takes the block out of the live state. False if it was not live (any more).
  bool claim(void* block);
  /// Makes a claimed block live again.
  void unclaim(void* block);
  /// Gives a claimed block back.
  void release(void* block);
  /// Resizes a claimed block in place. False if it cannot; then nothing has changed.
  bool resize(void* block, std::size_t bytes);
  /// Moves the pages of `from` to the larger block `to` instead of copying. False: copy.
  bool move_pages(void* from, void* to);
  /// Gives cached and withheld blocks back to the arena whose delay is over, or all.
  void purge_cached(bool all);

  std::size_t usable_bytes(const void* block) const { return span_at(block).block_bytes; }
  std::size_t cached_bytes() const { return cached_bytes_.load(kRelaxed); }
  Lock& lock() { return lock_; }

 private:
  static constexpr u32 kCacheMaxUnits = 64;
  static constexpr std::size_t kCacheMaxBytes = std::size_t{32} << 20;
  /// The rest is left to blocks that are reused: a program that frees faster than the delay passes would
  /// otherwise pay a system call for each side of every block.
  static constexpr std::size_t kWithheldMaxBytes = std::size_t{28} << 20;
  using CachedSpans = SpanList[kCacheMaxUnits + 1];

  Span& span_at(const void* block) const {
    return *arena_.span(arena_.span_of(arena_.unit_of(block)));
  }
  void* take_cached(std::size_t bytes, std::size_t block_bytes, bool zero);
  bool withhold(Span& span, u32 unit);
  bool cache(Span& span, u32 unit);
  bool keep(CachedSpans& spans, Span& span, u32 unit, std::size_t most_bytes);
  void take_expired(CachedSpans& spans, u64 freed_before_ms, u32* expired);
  void give_back(Span& span, u32 unit);
  bool set_end(Span& span, u32 unit, std::size_t block_bytes, u32 keep);
  bool guard_range(const Span& span, std::byte* from, const std::byte* to, bool on);
  bool guard_front(const Span& span, u32 unit, bool on);
  bool guard_behind(const Span& span, u32 unit, bool on);
  void guard_sides(Span& span, u32 unit);
  /// Bytes closed on a side of a block at least.
  std::size_t least_guard() const { return arena_.guards() ? kPageBytes : 0; }
  u32 least_units(std::size_t block_bytes) const;
  std::size_t draw_guard();
  bool wants_guards(std::size_t block_bytes) const;
  std::byte* place(u32 unit, u32 units, std::size_t block_bytes, std::size_t alignment);

  Arena& arena_;
  Lock lock_;  // of the cache and of random_
  Random random_;
  CachedSpans cached_, withheld_;
  Atomic<std::size_t> cached_bytes_{0};  // written under the lock
  Atomic<u64> oldest_ms_{0};             // no block of the two was freed before; under the lock too
  Atomic<u32> moves_{0};
  bool withholds_ = false;
};

}  // namespace hak
