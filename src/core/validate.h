#pragma once
// The one decision what a pointer is, for free, remote free, realloc, usable size and sized frees
// alike. A Wild pointer goes in, a Block that nothing else can make comes out, or a fault.
//
// V1  first_look accepts p <=> p is the start of a live slot and the header before it is intact
// V2  second_look, which derives the same from the span's data, agrees with first_look
// V3  a slot whose header behind it is damaged is accepted by neither
#include "core/heap_core.h"

namespace hak {

/// A validated live slot. Move-only: passing it on gives it up, so that it cannot be freed twice by
/// our own mistake. Only Validator makes one.
class Block {
 public:
  Block(Block&& other) noexcept : state_(other.state_), ptr_(other.ptr_), live_(other.live_) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  Block& operator=(Block&&) = delete;

  FAST_PATH explicit operator bool() const { return state_ != nullptr; }
  FAST_PATH void* ptr() const { return ptr_; }
  FAST_PATH u8* state() const { return state_; }
  FAST_PATH u8 live() const { return live_; }

 private:
  friend class Validator;
  FAST_PATH Block(u8* state, void* ptr, u8 live) : state_(state), ptr_(ptr), live_(live) {}
  FAST_PATH Block() : state_(nullptr), ptr_(nullptr), live_(0) {}
  u8* state_;
  void* ptr_;
  u8 live_;
};

FAST_PATH u8 byte_at(const void* p, std::ptrdiff_t offset) {
  return static_cast<const u8*>(p)[offset];
}

class Validator {
 public:
  /// Range and alignment in one compare (a misaligned offset rotates into the top bits), then the
  /// slot state, then the header. Reads no byte that is not committed.
  FAST_PATH static Block first_look(const Arena& arena, Wild wild) {
    const std::size_t offset = address_of(wild.ptr) - arena.base;
    const std::size_t granule =
        offset >> kGranuleShift | (HAK_SEEDED(kMisalignedAccepted) ? 0 : offset << (64 - kGranuleShift));
    const std::size_t bound = racy_load(arena.granules) + HAK_SEEDED(kRegionBound) * kGranulesPerUnit;
    if (HAK_UNLIKELY(granule >= bound)) return Block();
    u8* state = arena.state + granule;
    const u8 found = byte_load(state);
    if (HAK_SEEDED(kTrustedUnvalidated)) return Block(state, wild.ptr, found);
    if (HAK_UNLIKELY(!is_live_state(found) && !HAK_SEEDED(kStateIgnored))) return Block();
    if (HAK_UNLIKELY(byte_at(wild.ptr, -1) != found && !HAK_SEEDED(kHeaderSkipped))) return Block();
    return Block(state, wild.ptr, found);
  }

  /// The token of no block.
  static Block refused() { return Block(); }

  /// Everything again, from the span: slot start by reciprocal, class, header, free bitmap.
  static bool second_look(const Arena& arena, const Block& block) {
    const u32 unit = arena.unit_of(block.ptr());
    const u32 first = arena.span_of(unit);
    const Span& slab = *arena.span(first);
    const u32 offset = static_cast<u32>(address_of(block.ptr()) - address_of(slab.start));
    const u32 slot = slot_index(offset, slab.reciprocal);
    return kind_of(slab) == SpanKind::kSlab && slot < slab.carved &&
           (slot * slab.stride == offset || HAK_SEEDED(kInteriorSkipped)) &&
           ((slab.header == block.live() && byte_at(block.ptr(), -1) == slab.header) ||
            HAK_SEEDED(kSecondHeaderSkipped)) &&
           (!(arena.free_bits(first)[slot / 64] >> (slot % 64) & 1) || HAK_SEEDED(kFreeBitIgnored));
  }

  /// The fault of a pointer that first_look or second_look refused, from its state alone; kNone if
  /// it is a live slot or large block after all. Fills what is known into the record.
  static Fault diagnose(const HeapCore& heap, const void* p, FaultRecord* record);

  /// What an access to `at`, which the processor refused, did wrong: kOutOfBounds or kUseAfterFree;
  /// kNone outside of the heap.
  static Fault diagnose_access(const HeapCore& heap, const void* at, FaultRecord* record);

  /// True if p is the start of a live large block.
  static bool is_live_large(const Arena& arena, const void* p) {
    const std::size_t offset = address_of(p) - arena.base;
    const std::size_t granule = offset >> kGranuleShift | offset << (64 - kGranuleShift);
    return granule < racy_load(arena.granules) &&
           atomic_load(arena.state + granule, kAcquire) == kLargeLive;
  }
};

}  // namespace hak
