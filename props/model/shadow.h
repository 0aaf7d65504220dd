#pragma once
// The shadow heap: what the program holds, from the program's point of view alone, and what the
// allocator must therefore answer.
#include "core/heap_core.h"
#include "core/tracker.h"
#include "language/script.h"
#include "model/pattern.h"

namespace hak::props {

/// What a slot of the script holds, or held.
struct ShadowBlock {
  u8* ptr = nullptr;
  bool live = false;
  bool large = false;
  bool sampled = false;         ///< large, and in a guard slot: on pages of its own, at either end of them
  bool recorded = false;        ///< the tracker has a record: exact size, canary, family, filled when freed
  bool aligned = false;         ///< allocated by an aligned form and not resized since
  Family family = Family::kMalloc;
  std::size_t requested = 0;
  std::size_t alignment = 16;
  std::size_t room = 0;         ///< bytes up to the next header or guard
  std::size_t filled = 0;       ///< bytes that carry the pattern
  unsigned size_class = kClassCount;  ///< kClassCount: large
  u8 header = 0;
  u32 birth = 0;                ///< of the slab, 0 for large blocks
  Pattern pattern;
};

/// The verdict the contract prescribes. Some pointers have two possible names.
struct Expectation {
  Fault fault = Fault::kNone;
  Fault other = Fault::kNone;
  bool allows(Fault found) const { return found == fault || (other != Fault::kNone && found == other); }
};

/// Size class by the definition G1, not by the allocator's table: the first stride that holds the
/// bytes and the header behind them. kClassCount: large.
unsigned class_for(std::size_t bytes);
unsigned class_for_aligned(std::size_t bytes, std::size_t alignment);
/// Bytes up to the next header or guard.
std::size_t room_for(std::size_t bytes, unsigned size_class);

class Shadow {
 public:
  ShadowBlock& operator[](unsigned slot) { return blocks_[slot]; }
  const ShadowBlock& operator[](unsigned slot) const { return blocks_[slot]; }
  void clear();

  /// The live block that starts at p, or null.
  ShadowBlock* find_live(const void* p);
  /// True if p was the start of a block of the slab that is there now.
  bool was_handed_out(const void* p, u32 birth) const;
  /// A live block other than `except` that shares a byte with [p, p + bytes), or null.
  const ShadowBlock* find_overlap(const void* p, std::size_t bytes, const ShadowBlock* except) const;
  std::size_t live_count() const;
  std::size_t large_count() const;
  std::size_t live_room() const;

  /// What free and its family must say of any pointer at all. Geometry (where slabs are, of what
  /// class) is read from the span table; what is live is the shadow's own knowledge; the header is the
  /// byte as it stands.
  Expectation classify(const HeapCore& heap, const void* p);
  /// The same for an entry point that also looks at the header behind the block.
  Expectation classify_release(const HeapCore& heap, const void* p);

  /// The freed slot at p of that slab was written to; found when the slot is used again.
  void add_dirty(const void* p, u32 birth) { dirty_.push_back({p, birth}); }
  /// True if it was; forgets it.
  bool take_dirty(const void* p, u32 birth);

 private:
  Expectation classify_slab(const HeapCore& heap, u32 unit, const void* p);
  struct Dirty {
    const void* ptr;
    u32 birth;
  };
  ShadowBlock blocks_[kSlotCount];
  std::vector<Dirty> dirty_;
};

}  // namespace hak::props
