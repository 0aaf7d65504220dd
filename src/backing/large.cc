#include "backing/large.h"

#include <string.h>

namespace hak {
namespace {

/// Blocks from here on give their pages back at once when freed; smaller ones wait for the delay.
constexpr std::size_t kReleaseAtOnceBytes = std::size_t{32} << 20;
/// Zeroing by giving the pages back is cheaper than memset from here on.
constexpr std::size_t kZeroByPurgeBytes = std::size_t{1} << 20;
/// Under quarantine, blocks for which it has no room are cleared and reused up to here.
constexpr std::size_t kClearMaxBytes = std::size_t{256} << 10;
/// Copying is cheaper than moving pages below this.
constexpr std::size_t kMoveMinBytes = std::size_t{1} << 20;
/// Moved pages keep a mapping of their own for good: bounded, so that vm.max_map_count is not used up.
constexpr u32 kMaxMoves = 4096;
/// Where a guard costs mappings, only blocks for which that is under two per MiB get them.
constexpr std::size_t kDearGuardMinBytes = std::size_t{1} << 20;
/// Up to so many guard pages more than one are added to what a block needs.
constexpr u32 kExtraGuardPages = 7;

u32 units_of(std::size_t bytes) { return static_cast<u32>((bytes + kUnitBytes - 1) / kUnitBytes); }

}  // namespace

bool LargeBlocks::wants_guards(std::size_t block_bytes) const {
  return arena_.guards() && (arena_.os().light_guards() || block_bytes >= kDearGuardMinBytes);
}

/// Closes or opens what lies beside the block in its span, which is nothing without guards.
bool LargeBlocks::guard_range(const Span& span, std::byte* from, const std::byte* to, bool on) {
  const auto bytes = static_cast<std::size_t>(to - from);
  if (!span.guarded || bytes == 0) return true;
  if (on ? arena_.os().guard(from, bytes) : arena_.os().unguard(from, bytes)) return true;
  arena_.hit(Limit::kMappings);
  return false;
}

bool LargeBlocks::guard_front(const Span& span, u32 unit, bool on) {
  return guard_range(span, arena_.unit_address(unit), span.start, on);
}

bool LargeBlocks::guard_behind(const Span& span, u32 unit, bool on) {
  if (on && HAK_SEEDED(kGuardMissing)) return true;
  return guard_range(span, span.start + span.block_bytes, arena_.unit_address(unit + span.units), on);
}

void LargeBlocks::guard_sides(Span& span, u32 unit) {
  span.guarded = wants_guards(span.block_bytes);
  guard_front(span, unit, true);
  guard_behind(span, unit, true);
}

/// Moves the guard behind the block to a new end, and gives units beyond `keep` back. False if the
/// kernel refuses to open the old one; then nothing has changed.
bool LargeBlocks::set_end(Span& span, u32 unit, std::size_t block_bytes, u32 keep) {
  if (block_bytes == span.block_bytes && keep == span.units) return true;
  if (!guard_behind(span, unit, false)) return false;
  span.block_bytes = block_bytes;
  if (keep < span.units) arena_.shrink(unit, keep - (HAK_SEEDED(kShrinkTooMuch) && keep > 1));
  guard_behind(span, unit, true);
  return true;
}

/// Units of a block with one guard page on both sides. Cached spans are kept by it, not by their length,
/// which differs by the guard that was drawn.
u32 LargeBlocks::least_units(std::size_t block_bytes) const {
  return units_of(block_bytes + 2 * least_guard());
}

/// Bytes closed behind a block at least: how far the next block is stays unknown.
std::size_t LargeBlocks::draw_guard() {
  if (!arena_.guards()) return 0;
  if (HAK_SEEDED(kGuardSizeFixed)) return kPageBytes;
  Locked locked(lock_);
  return (1 + random_.below(kExtraGuardPages + 1)) * kPageBytes;
}

std::byte* LargeBlocks::place(u32 unit, u32 units, std::size_t block_bytes, std::size_t alignment) {
  const std::size_t guard = least_guard();
  const std::uintptr_t begin = address_of(arena_.unit_address(unit));
  if (HAK_SEEDED(kAlignedLargeMisaligned)) alignment /= 2;
  std::uintptr_t start = round_up(begin + guard, alignment > kPageBytes ? alignment : kPageBytes);
  const std::size_t slack = begin + std::size_t{units} * kUnitBytes - start - guard - block_bytes;
  if (guard && alignment <= kPageBytes && slack >= kPageBytes) {
    Locked locked(lock_);
    start += random_.below(static_cast<u32>(slack / kPageBytes + 1)) * kPageBytes;
  }
  return reinterpret_cast<std::byte*>(start);
}

void* LargeBlocks::take_cached(std::size_t bytes, std::size_t block_bytes, bool zero) {
  if (cached_bytes() == 0) return nullptr;
  const u32 needed = least_units(block_bytes);
  if (needed > kCacheMaxUnits) return nullptr;
  u32 unit = kNoSpan;
  {
    Locked locked(lock_);
    unit = cached_[needed].head;
    if (unit == kNoSpan) return nullptr;
    cached_[needed].remove(arena_.spans(), unit);
    cached_bytes_.fetch_sub(std::size_t{arena_.span(unit)->units} * kUnitBytes, kRelaxed);
  }
  Span& span = *arena_.span(unit);
  const u32 units = span.units;
  const auto room = static_cast<std::size_t>(arena_.unit_address(unit + units) - span.start);
  if (block_bytes + (span.guarded ? kPageBytes : 0) > room || !set_end(span, unit, block_bytes, units)) {
    give_back(span, unit);
    return nullptr;
  }
  span.requested_bytes = bytes;
  span.alignment = static_cast<u32>(kGranuleBytes);
  annotate::ours(span.start, block_bytes);
  if (zero && !HAK_SEEDED(kDirtyCachedCalloc)) memset(span.start, 0, block_bytes);
  unclaim(span.start);
  return span.start;
}

void* LargeBlocks::allocate(std::size_t bytes, std::size_t alignment, bool zero) {
  const std::size_t block_bytes = round_up(bytes ? bytes : 1, kPageBytes);
  const std::size_t front = least_guard();
  std::size_t total = 0;
  if (__builtin_add_overflow(block_bytes, front + (kExtraGuardPages + 1) * kPageBytes + kUnitBytes - 1, &total) ||
      (alignment > kPageBytes && __builtin_add_overflow(total, alignment, &total)) ||
      total / kUnitBytes >= kNoSpan / 2)
    return nullptr;
  if (alignment <= kPageBytes)
    if (void* cached = take_cached(bytes, block_bytes, zero)) return cached;
  const std::size_t aligned = alignment > kPageBytes ? alignment : 0;
  const u32 units = units_of(aligned + front + block_bytes + draw_guard());
  bool dirty = false;
  const u32 unit = arena_.take(units, &dirty);
  if (unit == kNoSpan) return nullptr;

  Span& span = *arena_.span(unit);
  std::byte* start = place(unit, units, block_bytes, alignment);
  span.start = start;
  span.block_bytes = block_bytes;
  span.requested_bytes = bytes;
  span.alignment = static_cast<u32>(alignment > 0x80000000U ? 0x80000000U : alignment);
  span.owner.store(nullptr, kRelaxed);
  guard_sides(span, unit);
  annotate::ours(start, block_bytes);
  if (zero && dirty && !HAK_SEEDED(kDirtyLargeCalloc) && !(block_bytes >= kZeroByPurgeBytes && arena_.os().purge(start, block_bytes)))
    memset(start, 0, block_bytes);
  // A block may begin in a later unit of its span; the way back goes by span_of.
  arena_.map_block(arena_.unit_of(start), unit);
  atomic_store(arena_.state_of(start), kLargeLive, kRelease);
  set_kind(span, SpanKind::kLarge);
  return start;
}

bool LargeBlocks::claim(void* block) {
  if (HAK_SEEDED(kLargeStaysLive)) return true;
  if (HAK_SEEDED(kClaimTornApart)) {
    const bool live = byte_load(arena_.state_of(block)) == kLargeLive;
    if (live) owner_store(arena_.state_of(block), kLargeFreed);
    return live;
  }
  return remote_exchange(arena_.state_of(block), kLargeLive, kLargeFreed);
}

void LargeBlocks::unclaim(void* block) {
  atomic_store(arena_.state_of(block), kLargeLive, kRelease);
}

bool LargeBlocks::keep(CachedSpans& spans, Span& span, u32 unit, std::size_t most_bytes) {
  const std::size_t bytes = std::size_t{span.units} * kUnitBytes;
  Locked locked(lock_);
  if (cached_bytes() + bytes > most_bytes) return false;
  if (cached_bytes() == 0 || span.freed_at_ms < oldest_ms_.load(kRelaxed)) oldest_ms_.store(span.freed_at_ms, kRelaxed);
  spans[least_units(span.block_bytes)].push(arena_.spans(), unit);
  cached_bytes_.fetch_add(bytes, kRelaxed);
  return true;
}

/// A block for which there is no room is not closed for nothing.
bool LargeBlocks::withhold(Span& span, u32 unit) {
  if (!withholds_ || HAK_SEEDED(kQuarantineForgets)) return false;
  if (cached_bytes() + std::size_t{span.units} * kUnitBytes > kWithheldMaxBytes) return false;
  span.closed = arena_.os().guard(span.start, span.block_bytes);
  if (keep(withheld_, span, unit, kWithheldMaxBytes)) return true;
  if (span.closed) span.closed = !arena_.os().unguard(span.start, span.block_bytes);
  return false;
}

bool LargeBlocks::cache(Span& span, u32 unit) {
  if (least_units(span.block_bytes) > kCacheMaxUnits || span.alignment > kPageBytes) return false;
  if (withhold(span, unit)) return true;
  if (withholds_) {
    // A withheld block loses its content with its pages; one that is reused must not keep it either.
    if (span.closed || span.block_bytes > kClearMaxBytes) return false;
    annotate::ours(span.start, span.block_bytes);
    memset(span.start, 0, span.block_bytes);
    annotate::closed(span.start, span.block_bytes);
  }
  return keep(cached_, span, unit, kCacheMaxBytes);
}

void LargeBlocks::give_back(Span& span, u32 unit) {
  // The whole span, so that it is clean wherever a later block of it begins.
  const bool purged = (span.block_bytes >= kReleaseAtOnceBytes || (withholds_ && !span.closed)) &&
                      arena_.os().purge(arena_.unit_address(unit), std::size_t{span.units} * kUnitBytes);
  const bool open = (!span.closed || arena_.os().unguard(span.start, span.block_bytes)) &&
                    guard_front(span, unit, false) && guard_behind(span, unit, false);
  owner_store(arena_.state_of(span.start), kNotASlot);
  set_kind(span, SpanKind::kNone);
  span.guarded = false;
  span.closed = false;
  // A guard that the kernel will not open again makes the span useless: its pages go, it stays.
  if (!open) {
    arena_.os().purge(span.start, span.block_bytes);
    return;
  }
  arena_.give(unit, !purged, span.freed_at_ms);
}

void LargeBlocks::release(void* block) {
  const u32 unit = arena_.span_of(arena_.unit_of(block));
  Span& span = *arena_.span(unit);
  span.freed_at_ms = arena_.os().now_ms();
  if (!cache(span, unit)) give_back(span, unit);
}

/// Links them by `next`. What stays moves oldest_ms_ down to its own time. With the lock held.
void LargeBlocks::take_expired(CachedSpans& spans, u64 freed_before_ms, u32* expired) {
  for (SpanList& list : spans) {
    for (u32 unit = list.head; unit != kNoSpan;) {
      Span& span = *arena_.span(unit);
      const u32 next = span.next;
      if (span.freed_at_ms < freed_before_ms || HAK_SEEDED(kPurgeEarly)) {
        list.remove(arena_.spans(), unit);
        cached_bytes_.fetch_sub(std::size_t{span.units} * kUnitBytes, kRelaxed);
        span.next = *expired;
        *expired = unit;
      } else if (span.freed_at_ms < oldest_ms_.load(kRelaxed)) {
        oldest_ms_.store(span.freed_at_ms, kRelaxed);
      }
      unit = next;
    }
  }
}

void LargeBlocks::purge_cached(bool all) {
  if (cached_bytes() == 0) return;
  const u64 now = arena_.os().now_ms();
  const u64 delay = arena_.purge_delay_ms();
  // Every free of a large block comes here: mostly none of them can have expired.
  if (!all && oldest_ms_.load(kRelaxed) + delay > now && !HAK_SEEDED(kPurgeEarly)) return;
  u32 expired = kNoSpan;
  {
    Locked locked(lock_);
    oldest_ms_.store(now, kRelaxed);
    const u64 freed_before_ms = all ? ~u64{0} : now >= delay ? now - delay + 1 : 0;
    take_expired(cached_, freed_before_ms, &expired);
    take_expired(withheld_, freed_before_ms, &expired);
  }
  while (expired != kNoSpan) {
    const u32 unit = expired;
    expired = arena_.span(unit)->next;
    give_back(*arena_.span(unit), unit);
  }
}

bool LargeBlocks::resize(void* block, std::size_t bytes) {
  const u32 unit = arena_.span_of(arena_.unit_of(block));
  Span& span = *arena_.span(unit);
  if (span.sample) return false;
  std::size_t block_bytes = round_up(bytes ? bytes : 1, kPageBytes);
  const std::size_t guard = least_guard();
  const auto offset = static_cast<std::size_t>(span.start - arena_.unit_address(unit));
  if ((u64{offset} + block_bytes + guard) / kUnitBytes >= kNoSpan / 2) return false;
  u32 keep = span.units;
  if (block_bytes > span.block_bytes) {
    const u32 units = units_of(offset + block_bytes + guard);
    if (units > span.units && !arena_.extend(unit, units - span.units)) return false;
    // A growing block takes an eighth more if its span has it, so that a loop of small steps does not
    // move the guard at every page.
    const std::size_t room = std::size_t{span.units} * kUnitBytes - offset - guard;
    const std::size_t ahead = round_up(block_bytes + block_bytes / 8, kPageBytes);
    block_bytes = ahead < room ? ahead : room;
    keep = span.units;
  } else if (block_bytes < span.block_bytes) {
    const u32 units = units_of(offset + block_bytes + draw_guard());
    if (units < keep) keep = units;
  }
  if (!set_end(span, unit, block_bytes, keep)) return false;
  span.requested_bytes = bytes;
  // A small block goes without where guards are dear; a grown one need not.
  if (!span.guarded) guard_sides(span, unit);
  return true;
}

bool LargeBlocks::move_pages(void* from, void* to) {
  const Span& old_span = span_at(from);
  if (old_span.block_bytes < kMoveMinBytes) return false;
  if (moves_.fetch_add(1, kRelaxed) >= kMaxMoves) return false;
  return arena_.os().move(from, to, old_span.block_bytes - HAK_SEEDED(kMoveTooLittle) * kPageBytes);
}

}  // namespace hak
