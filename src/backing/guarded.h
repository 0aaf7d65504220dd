#pragma once
// Sampled guard slots: a few blocks, chosen at random, lie on pages of their own between pages without
// access. What runs over either end, or uses the block after its free, faults at that very access.
// After Perens, Electric Fence, 1987, and Serebryany et al., GWP-ASan: Sampling-Based Detection of
// Memory-Safety Bugs in Production, ICSE-SEIP 2024.
//
// To the rest of the heap such a block is a large block that begins anywhere: same state byte, same
// validator. The pool is bounded and first in, first out: a freed slot stays closed as long as it can.
//
// P1  a slot's pages are open <=> its block is live; all else of its unit has no access
// P2  every byte of the open pages outside of the block == the slot's canary
#include "backing/arena.h"
#include "base/fault.h"

namespace hak {

inline constexpr u32 kSampleFrames = 16;

/// Who allocated or freed.
struct Trace {
  const void* frames[kSampleFrames];
  u32 depth;
  u32 thread;
};

class GuardedSlots {
 public:
  constexpr explicit GuardedSlots(Arena& arena) : arena_(arena) {}

  /// At most `slots` of them. False without memory for their table; then nothing is ever sampled.
  bool init(u32 slots, u64 seed);
  void destroy();
  /// Calls visit(address, bytes) for the table's range, if there is one.
  template <typename Visit>
  void each_range(Visit&& visit) const {
    if (slots_) visit(reinterpret_cast<std::byte*>(slots_) - kPageBytes, table_bytes() + 2 * kPageBytes);
  }
  void seed(u64 value) { random_ = Random(value); }

  /// A block of `bytes`, at most kMaxSlabRequest, at the left or the right end of its pages. Null if
  /// every slot holds a live block or the kernel refuses. Any thread.
  void* allocate(std::size_t bytes, std::size_t alignment, unsigned size_class, const Trace& by);
  /// First byte beside the claimed block that was overwritten; null if none was.
  const u8* damage(const Span& span, u8* expected) const;
  /// Closes the pages of a claimed block.
  void release(Span& span, const Trace& by);
  /// Adds who allocated and who freed the block to a record.
  void describe(const Span& span, FaultRecord* record) const;
  Lock& lock() { return lock_; }

 private:
  struct Slot {
    u32 unit;
    u32 pages;        ///< open ones
    std::byte* open;  ///< first of them
    u8 canary;
    Trace allocated, freed;
  };
  Slot* take();
  Slot* add_slot();
  void rest(u16 index);
  std::size_t table_bytes() const;

  Arena& arena_;
  Lock lock_;  // of all below but the slots' contents, which belong to the holder of the block
  Random random_;
  Slot* slots_ = nullptr;
  u16* resting_ = nullptr;  // ring of slots without a block, oldest at first_
  u32 capacity_ = 0;
  u32 used_ = 0;            // slots that have a unit
  u32 first_ = 0;
  u32 resting_count_ = 0;
};

}  // namespace hak
