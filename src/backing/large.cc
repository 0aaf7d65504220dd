#include "backing/large.h"

#include <string.h>

namespace hak {
namespace {

/// Blocks from here on give their pages back at once when freed; smaller ones wait for the delay.
constexpr std::size_t kReleaseAtOnceBytes = std::size_t{32} << 20;
/// Zeroing by giving the pages back is cheaper than memset from here on.
constexpr std::size_t kZeroByPurgeBytes = std::size_t{1} << 20;

/// Copying is cheaper than moving pages below this.
constexpr std::size_t kMoveMinBytes = std::size_t{1} << 20;
constexpr u32 kMaxMoves = 4096;

}  // namespace

void LargeBlocks::guard_sides(Span& span, u32 unit) {
  std::byte* begin = arena_.unit_address(unit);
  std::byte* end = arena_.unit_address(unit + span.units);
  std::byte* block_end = span.start + span.block_bytes;
  // Where a guard costs mappings, only blocks for which that is under one per MiB get them.
  span.guarded = arena_.guards() && (light_guards() || span.block_bytes >= (std::size_t{1} << 20));
  if (!span.guarded) return;
  bool ok = true;
  if (span.start != begin)
    ok = arena_.os().guard(begin, static_cast<std::size_t>(span.start - begin));
  if (block_end != end)
    ok = arena_.os().guard(block_end, static_cast<std::size_t>(end - block_end)) && ok;
  if (!ok) arena_.hit(Limit::kMappings);
}

void LargeBlocks::unguard_sides(Span& span, u32 unit) {
  if (!span.guarded) return;
  span.guarded = false;
  std::byte* begin = arena_.unit_address(unit);
  std::byte* end = arena_.unit_address(unit + span.units);
  std::byte* block_end = span.start + span.block_bytes;
  if (span.start != begin)
    arena_.os().unguard(begin, static_cast<std::size_t>(span.start - begin));
  if (block_end != end)
    arena_.os().unguard(block_end, static_cast<std::size_t>(end - block_end));
}

void* LargeBlocks::allocate(std::size_t bytes, std::size_t alignment, bool zero) {
  const std::size_t block_bytes = round_up(bytes ? bytes : 1, kPageBytes);
  const std::size_t guard_bytes = arena_.guards() ? kPageBytes : 0;
  const std::size_t lead = alignment > kPageBytes ? round_up(guard_bytes, alignment) : guard_bytes;
  const std::size_t pad = alignment > kUnitBytes ? alignment : 0;
  std::size_t total = 0;
  if (__builtin_add_overflow(lead + pad + guard_bytes + kUnitBytes - 1, block_bytes, &total) ||
      total / kUnitBytes >= kNoSpan / 2)
    return nullptr;
  const u32 units = static_cast<u32>(total / kUnitBytes);
  bool dirty = false;
  const u32 unit = arena_.take(units, &dirty);
  if (unit == kNoSpan) return nullptr;

  Span& span = *arena_.span(unit);
  std::byte* begin = arena_.unit_address(unit);
  std::byte* start = begin + lead;
  const std::size_t slack = std::size_t{units} * kUnitBytes - lead - guard_bytes - block_bytes;
  if (alignment > kUnitBytes) {
    start = begin + (round_up(address_of(begin) + guard_bytes, alignment) - address_of(begin));
  } else if (guard_bytes && alignment <= kPageBytes && slack >= kPageBytes) {
    Random random(random_state_.fetch_add(0x9e3779b97f4a7c15ULL, kRelaxed) ^ address_of(this));
    start += random.below(static_cast<u32>(slack / kPageBytes + 1)) * kPageBytes;
  }
  span.start = start;
  span.block_bytes = block_bytes;
  span.requested_bytes = bytes;
  span.alignment = static_cast<u32>(alignment > 0x80000000U ? 0x80000000U : alignment);
  span.owner.store(nullptr, kRelaxed);
  guard_sides(span, unit);
  if (zero && dirty && !(block_bytes >= kZeroByPurgeBytes && arena_.os().purge(start, block_bytes)))
    memset(start, 0, block_bytes);
  *arena_.word(arena_.unit_of(start)) = 0;
  // A block's first granule may be in a later unit of the span; the way back goes by span_of.
  __atomic_store_n(&arena_.span_of_[arena_.unit_of(start)], unit, __ATOMIC_RELAXED);
  span.kind = SpanKind::kLarge;
  __atomic_store_n(arena_.state_of(start), kLargeLive, __ATOMIC_RELEASE);
  return start;
}

bool LargeBlocks::claim(void* block) {
  return remote_exchange(arena_.state_of(block), kLargeLive, kLargeFreed);
}

void LargeBlocks::unclaim(void* block) {
  __atomic_store_n(arena_.state_of(block), kLargeLive, __ATOMIC_RELEASE);
}

void LargeBlocks::release(void* block) {
  const u32 unit = arena_.span_of(arena_.unit_of(block));
  Span& span = *arena_.span(unit);
  const bool purged = span.block_bytes >= kReleaseAtOnceBytes &&
                      arena_.os().purge(span.start, span.block_bytes);
  unguard_sides(span, unit);
  owner_store(arena_.state_of(block), kNotASlot);
  span.kind = SpanKind::kNone;
  arena_.give(unit, !purged);
  arena_.tick();
}

bool LargeBlocks::resize(void* block, std::size_t bytes) {
  const u32 unit = arena_.span_of(arena_.unit_of(block));
  Span& span = *arena_.span(unit);
  const std::size_t block_bytes = round_up(bytes ? bytes : 1, kPageBytes);
  const std::size_t guard_bytes = arena_.guards() ? kPageBytes : 0;
  const std::size_t offset = static_cast<std::size_t>(span.start - arena_.unit_address(unit));
  const u32 units = static_cast<u32>((offset + block_bytes + guard_bytes + kUnitBytes - 1) / kUnitBytes);
  if (units > span.units) {
    // A guard in the way would have to go first; if the room is not free, nothing may have changed.
    const u32 old_units = span.units;
    if (!arena_.extend(unit, units - old_units)) return false;
    span.units = old_units;
    unguard_sides(span, unit);
    span.units = units;
  } else {
    unguard_sides(span, unit);
    if (units < span.units) arena_.shrink(unit, units);
  }
  span.block_bytes = block_bytes;
  span.requested_bytes = bytes;
  guard_sides(span, unit);
  return true;
}

bool LargeBlocks::move_pages(void* from, void* to) {
  const Span& old_span = *arena_.span(arena_.span_of(arena_.unit_of(from)));
  if (old_span.block_bytes < kMoveMinBytes) return false;
  // Moved pages keep a mapping of their own for good; bounded, so that vm.max_map_count is not used up.
  if (moves_.fetch_add(1, kRelaxed) >= kMaxMoves) return false;
  return arena_.os().move(from, to, old_span.block_bytes);
}

}  // namespace hak
