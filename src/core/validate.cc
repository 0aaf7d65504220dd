#include "core/validate.h"

namespace hak {
namespace {

/// The span that contains the unit. span_of is exact for slabs; inside a large block it may be
/// stale, so the spans are walked then. Reports only.
u32 find_span(const Arena& arena, u32 unit) {
  const u32 guess = arena.span_of(unit);
  if (guess <= unit && guess < arena.frontier()) {
    const Span& span = *arena.span(guess);
    if (kind_of(span) == SpanKind::kSlab && unit - guess < span.units) return guess;
  }
  for (u32 at = 0; at < arena.frontier();) {
    const u32 units = arena.span(at)->units;
    if (units == 0) break;
    if (unit - at < units) return at;
    at += units;
  }
  return kNoSpan;
}

Fault diagnose_slab(const HeapCore& heap, u32 unit, const void* p, FaultRecord* record) {
  const Arena& arena = heap.arena;
  const Span& slab = *arena.span(unit);
  record->size_class = slab.size_class;
  record->usable_bytes = slab.stride - 1;
  if (const ThreadCache* owner = slab.owner.load(kRelaxed)) record->owner_id = owner->id;
  const bool misaligned = address_of(p) % kGranuleBytes != 0;
  if (address_of(p) < address_of(slab.start) || slab_slot_of(slab, p) >= slab.slots)
    return misaligned ? Fault::kMisalignedPointer : Fault::kInteriorPointer;
  const u32 slot = slab_slot_of(slab, p);
  record->slot = static_cast<long>(slot);
  std::byte* begin = slab_slot_address(slab, slot);
  record->block_begin = begin;
  if (misaligned) return Fault::kMisalignedPointer;
  if (begin != p) return Fault::kInteriorPointer;
  if (slot >= slab.carved) return Fault::kNeverAllocated;
  const u8 state = byte_load(arena.state_of(p));
  record->state = state;
  switch (state_kind(state)) {
    case kFreeBits: return Fault::kDoubleFree;
    case kRemoteBits: return HAK_SEEDED(kWrongReason) ? Fault::kNeverAllocated : Fault::kDoubleFree;
    case kVirginBits: return Fault::kNeverAllocated;
    default: break;
  }
  record->has_header = true;
  record->header_expected = slab.header;
  record->header_found = byte_at(p, -1);
  if (record->header_found != slab.header || state != slab.header) return Fault::kCorruptHeader;
  if (heap.trailing_check && byte_at(p, static_cast<std::ptrdiff_t>(slab.stride) - 1) != slab.header) {
    record->header_found = byte_at(p, static_cast<std::ptrdiff_t>(slab.stride) - 1);
    return Fault::kOverflow;
  }
  return Fault::kNone;
}

Fault diagnose_large(const HeapCore& heap, u32 unit, const void* p, FaultRecord* record) {
  const Arena& arena = heap.arena;
  const Span& span = *arena.span(unit);
  record->usable_bytes = span.block_bytes;
  record->requested_bytes = span.requested_bytes;
  record->has_requested = true;
  record->block_begin = span.start;
  if (span.sample) heap.guarded.describe(span, record);
  if (address_of(p) % kGranuleBytes) return Fault::kMisalignedPointer;
  if (p != span.start) return Fault::kInteriorPointer;
  record->state = byte_load(arena.state_of(p));
  return record->state == kLargeLive ? Fault::kNone : Fault::kDoubleFree;
}

}  // namespace

Fault Validator::diagnose(const HeapCore& heap, const void* p, FaultRecord* record) {
  const Arena& arena = heap.arena;
  record->ptr = p;
  if (address_of(p) - arena.base >= arena.reserved_bytes()) return Fault::kForeignPointer;
  const bool misaligned = address_of(p) % kGranuleBytes != 0;
  if (!arena.contains(p)) return misaligned ? Fault::kMisalignedPointer : Fault::kNeverAllocated;
  const u32 unit = arena.unit_of(p);
  const u32 first = unit < arena.frontier() ? find_span(arena, unit) : kNoSpan;
  if (first == kNoSpan) return misaligned ? Fault::kMisalignedPointer : Fault::kNeverAllocated;
  switch (kind_of(*arena.span(first))) {
    case SpanKind::kSlab: return diagnose_slab(heap, first, p, record);
    case SpanKind::kLarge: return diagnose_large(heap, first, p, record);
    case SpanKind::kFree:
    case SpanKind::kNone: break;
  }
  return misaligned ? Fault::kMisalignedPointer : Fault::kFreedMemory;
}

Fault Validator::diagnose_access(const HeapCore& heap, const void* at, FaultRecord* record) {
  const Arena& arena = heap.arena;
  record->ptr = at;
  if (!heap.ready || address_of(at) - arena.base >= arena.reserved_bytes()) return Fault::kNone;
  const u32 unit = arena.contains(at) ? arena.unit_of(at) : kNoSpan;
  const u32 first = unit < arena.frontier() ? find_span(arena, unit) : kNoSpan;
  if (first == kNoSpan) return Fault::kOutOfBounds;
  const Span& span = *arena.span(first);
  if (kind_of(span) == SpanKind::kSlab) {
    record->size_class = span.size_class;
    return Fault::kOutOfBounds;
  }
  if (kind_of(span) != SpanKind::kLarge) return Fault::kOutOfBounds;
  diagnose_large(heap, first, at, record);
  record->state = byte_load(arena.state_of(span.start));
  return record->state == kLargeLive ? Fault::kOutOfBounds : Fault::kUseAfterFree;
}

}  // namespace hak
