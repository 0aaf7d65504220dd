#include "core/reach.h"

#include "core/walk.h"

namespace hak {

std::size_t Reach::table_bytes() const {
  constexpr std::size_t kPerUnit = 2 * kUnitWords * sizeof(u64) + 2 * sizeof(u32) + sizeof(bool);
  return round_up(units_ * kPerUnit, kPageBytes);
}

Reach::~Reach() {
  each_range([this](void* at, std::size_t bytes) { heap_.arena.os().release(at, bytes); });
}

bool Reach::begin() {
  const Os& os = heap_.arena.os();
  units_ = heap_.arena.frontier();
  if (units_ == 0) return true;
  unreached_ = static_cast<u64*>(os.reserve(0, table_bytes()));
  if (!unreached_ || !os.commit(unreached_, table_bytes())) return false;
  pending_ = unreached_ + units_ * kUnitWords;
  span_of_ = reinterpret_cast<u32*>(pending_ + units_ * kUnitWords);
  waiting_ = span_of_ + units_;
  waits_ = reinterpret_cast<bool*>(waiting_ + units_);
  each_span(heap_, [this](u32 unit, const Span& span) {
    for (u32 i = 0; i < span.units; ++i) span_of_[unit + i] = unit;
  });
  each_live(heap_, [this](const void* block, std::size_t) {
    const std::size_t granule = (address_of(block) - heap_.arena.base) >> kGranuleShift;
    unreached_[granule / 64] |= u64{1} << granule % 64;
  });
  return true;
}

Reach::Block Reach::block_at(std::size_t granule) const {
  const Span& span = *heap_.arena.span(span_of_[granule >> kGranuleToUnitShift]);
  const bool slab = kind_of(span) == SpanKind::kSlab;
  const auto* at = reinterpret_cast<const std::byte*>(heap_.arena.base + (granule << kGranuleShift));
  return {at, asked_bytes(heap_, at, slab ? span.stride - 1 : span.block_bytes), slab};
}

void Reach::word(std::uintptr_t value) {
  const std::uintptr_t offset = value - heap_.arena.base;
  if (HAK_LIKELY(offset >= std::size_t{units_} << kUnitShift)) return;
  const Span& span = *heap_.arena.span(span_of_[offset >> kUnitShift]);
  const SpanKind kind = kind_of(span);
  std::uintptr_t start = address_of(span.start);
  if ((kind != SpanKind::kSlab && kind != SpanKind::kLarge) || value < start) return;
  if (kind == SpanKind::kSlab) {
    const u32 slot = slab_slot_of(span, reinterpret_cast<const void*>(value));
    if (slot >= span.slots) return;
    start = address_of(slab_slot_address(span, slot));
  }
  const std::size_t granule = (start - heap_.arena.base) >> kGranuleShift;
  if (!bit(unreached_, granule)) return;
  // Of a block of no bytes the start is what the program has.
  const std::size_t bytes = block_at(granule).bytes;
  if (value - start >= (HAK_SEEDED(kInsideUnreached) || !bytes ? 1 : bytes)) return;
  unreached_[granule / 64] &= ~(u64{1} << granule % 64);
  if (HAK_SEEDED(kReachedUnread)) return;
  pending_[granule / 64] |= u64{1} << granule % 64;
  const auto unit = static_cast<u32>(granule >> kGranuleToUnitShift);
  if (waits_[unit]) return;
  waits_[unit] = true;
  waiting_[waiting_count_++] = unit;
}

bool Reach::next(Block* out) {
  for (; waiting_count_; --waiting_count_) {
    const u32 unit = waiting_[waiting_count_ - 1];
    for (std::size_t w = unit * kUnitWords; w < (unit + 1) * kUnitWords; ++w) {
      if (!pending_[w]) continue;
      *out = block_at(w * 64 + static_cast<std::size_t>(__builtin_ctzll(pending_[w])));
      pending_[w] &= pending_[w] - 1;
      return true;
    }
    waits_[unit] = false;
  }
  return false;
}

bool Reach::lost(const void* block) const {
  const std::size_t granule = (address_of(block) - heap_.arena.base) >> kGranuleShift;
  return granule >> kGranuleToUnitShift < units_ && bit(unreached_, granule);
}

}  // namespace hak
