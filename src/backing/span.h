#pragma once
// Out-of-line metadata of a span: a run of arena units with one purpose. One entry per unit; only
// that of a span's first unit carries data, and `span_of[unit]` leads there.
//
// S1  slots == live + cached + remote + free_count + (slots - carved)       (see verify)
// S2  free_count == number of bits set in free_bits; a set bit means state free or never handed out
// S3  carved <= slots; states of slots >= carved are "not a slot"
#include "backing/geometry.h"
#include "base/atomic.h"

namespace hak {

struct ThreadCache;

enum class SpanKind : u8 { kNone, kFree, kSlab, kLarge };

inline constexpr u32 kNoSpan = ~u32{0};

struct alignas(64) Span {
  SpanKind kind;
  u8 size_class;
  u8 header;          ///< live header byte of the slab's slots
  bool dirty;         ///< free span or cached large block: pages may hold content
  bool on_full_list;
  bool empty_listed;
  u32 units;
  u32 next, prev;     ///< in the list the span is on, kNoSpan at the ends
  u32 carved;         ///< slots whose headers and states are written
  u32 free_count;
  u32 slots;
  u32 stride;
  std::byte* start;   ///< first slot, or the large block
  u64 reciprocal;
  // Large blocks: exact request, mapped length, guards in force.
  std::size_t requested_bytes;
  std::size_t block_bytes;
  u64 freed_at_ms;
  // Written under the lock of the cache named by `owner` before and after the change.
  Atomic<ThreadCache*> owner;
  Atomic<u32> queued; ///< 1: on the owner's remote list
  u32 remote_next;
  u32 alignment;      ///< of a large block, as asked for
  bool guarded;
  bool closed;        ///< freed large block without access, in quarantine
  u16 sample;         ///< number of the sampled guard slot that the unit is, 0 for none
  Atomic<u32> birth;  ///< number of the slab, counted over the arena's life; 0: about to be destroyed
};
static_assert(sizeof(Span) == 128);

/// Published after everything else of the span: statistics read spans while others make them.
inline void set_kind(Span& span, SpanKind kind) {
  atomic_store(reinterpret_cast<u8*>(&span.kind), static_cast<u8>(kind), kRelease);
}

inline SpanKind kind_of(const Span& span) {
  return static_cast<SpanKind>(atomic_load(reinterpret_cast<const u8*>(&span.kind), kAcquire));
}

/// Doubly linked list of spans by unit number, links in the metadata table.
struct SpanList {
  u32 head = kNoSpan;
  bool empty() const { return head == kNoSpan; }
  void push(Span* table, u32 unit);
  void remove(Span* table, u32 unit);
};

}  // namespace hak
