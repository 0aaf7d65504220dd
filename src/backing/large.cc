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
/// Moved pages keep a mapping of their own for good: bounded, so that vm.max_map_count is not used up.
constexpr u32 kMaxMoves = 4096;
/// Where a guard costs mappings, only blocks for which that is under two per MiB get them.
constexpr std::size_t kDearGuardMinBytes = std::size_t{1} << 20;

}  // namespace

bool LargeBlocks::wants_guards(std::size_t block_bytes) const {
  return arena_.guards() && (arena_.os().light_guards() || block_bytes >= kDearGuardMinBytes);
}

/// One guard page beside the block, on or off. Nothing to do at the very ends of the span.
bool LargeBlocks::guard_page(Span& span, u32 unit, std::byte* at, bool on) {
  std::byte* begin = arena_.unit_address(unit);
  std::byte* end = arena_.unit_address(unit + span.units);
  if (!span.guarded || at < begin || at + kPageBytes > end) return true;
  if (on ? arena_.os().guard(at, kPageBytes) : arena_.os().unguard(at, kPageBytes)) return true;
  arena_.hit(Limit::kMappings);
  return false;
}

void LargeBlocks::guard_sides(Span& span, u32 unit) {
  span.guarded = wants_guards(span.block_bytes);
  guard_page(span, unit, span.start - kPageBytes, true);
  if (!HAK_SEEDED(kGuardMissing)) guard_page(span, unit, span.start + span.block_bytes, true);
}

/// Moves the guard behind the block to a new end. False if the kernel refuses to open the old one.
bool LargeBlocks::set_end(Span& span, u32 unit, std::size_t block_bytes) {
  if (block_bytes == span.block_bytes) return true;
  if (!guard_page(span, unit, span.start + span.block_bytes, false)) return false;
  span.block_bytes = block_bytes;
  guard_page(span, unit, span.start + block_bytes, true);
  return true;
}

std::byte* LargeBlocks::place(u32 unit, u32 units, std::size_t block_bytes, std::size_t alignment) {
  const std::size_t guard = arena_.guards() ? kPageBytes : 0;
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

void* LargeBlocks::take_cached(std::size_t bytes, std::size_t block_bytes, u32 units, bool zero) {
  if ((!reuse_cached_ && !HAK_SEEDED(kQuarantineForgets)) || units > kCacheMaxUnits || cached_bytes() == 0) return nullptr;
  u32 unit = kNoSpan;
  {
    Locked locked(lock_);
    unit = cached_[units].head;
    if (unit == kNoSpan) return nullptr;
    cached_[units].remove(arena_.spans(), unit);
    cached_bytes_.fetch_sub(std::size_t{units} * kUnitBytes, kRelaxed);
  }
  Span& span = *arena_.span(unit);
  const auto room = static_cast<std::size_t>(arena_.unit_address(unit + units) - span.start);
  if (block_bytes + (span.guarded ? kPageBytes : 0) > room || !set_end(span, unit, block_bytes)) {
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
  const std::size_t guards = arena_.guards() ? 2 * kPageBytes : 0;
  std::size_t total = 0;
  if (__builtin_add_overflow(block_bytes, guards + kUnitBytes - 1, &total) ||
      (alignment > kPageBytes && __builtin_add_overflow(total, alignment, &total)) ||
      total / kUnitBytes >= kNoSpan / 2)
    return nullptr;
  const u32 units = static_cast<u32>(total / kUnitBytes);
  if (alignment <= kPageBytes)
    if (void* cached = take_cached(bytes, block_bytes, units, zero)) return cached;
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

bool LargeBlocks::cache(Span& span, u32 unit) {
  const std::size_t bytes = std::size_t{span.units} * kUnitBytes;
  if (span.units > kCacheMaxUnits || span.alignment > kPageBytes) return false;
  if (!reuse_cached_) span.closed = arena_.os().guard(span.start, span.block_bytes);
  Locked locked(lock_);
  if (cached_bytes() + bytes > kCacheMaxBytes) return false;
  cached_[span.units].push(arena_.spans(), unit);
  cached_bytes_.fetch_add(bytes, kRelaxed);
  return true;
}

void LargeBlocks::give_back(Span& span, u32 unit) {
  // The whole span, so that it is clean wherever a later block of it begins.
  const bool purged = span.block_bytes >= kReleaseAtOnceBytes &&
                      arena_.os().purge(arena_.unit_address(unit), std::size_t{span.units} * kUnitBytes);
  const bool open = (!span.closed || arena_.os().unguard(span.start, span.block_bytes)) &&
                    guard_page(span, unit, span.start - kPageBytes, false) &&
                    guard_page(span, unit, span.start + span.block_bytes, false);
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

void LargeBlocks::purge_cached(bool all) {
  if (cached_bytes() == 0) return;
  const u64 now = arena_.os().now_ms();
  const u64 delay = arena_.purge_delay_ms();
  u32 expired = kNoSpan;
  {
    Locked locked(lock_);
    for (SpanList& list : cached_) {
      for (u32 unit = list.head; unit != kNoSpan;) {
        Span& span = *arena_.span(unit);
        const u32 next = span.next;
        if (all || span.freed_at_ms + delay <= now || HAK_SEEDED(kPurgeEarly)) {
          list.remove(arena_.spans(), unit);
          cached_bytes_.fetch_sub(std::size_t{span.units} * kUnitBytes, kRelaxed);
          span.next = expired;
          expired = unit;
        }
        unit = next;
      }
    }
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
  const std::size_t guard = arena_.guards() ? kPageBytes : 0;
  const auto offset = static_cast<std::size_t>(span.start - arena_.unit_address(unit));
  const u64 wanted = (u64{offset} + block_bytes + guard + kUnitBytes - 1) / kUnitBytes;
  if (wanted >= kNoSpan / 2) return false;
  const auto units = static_cast<u32>(wanted);
  if (block_bytes > span.block_bytes) {
    if (units > span.units && !arena_.extend(unit, units - span.units)) return false;
    // A growing block takes an eighth more if its span has it, so that a loop of small steps does not
    // move the guard at every page.
    const std::size_t room = std::size_t{span.units} * kUnitBytes - offset - guard;
    const std::size_t ahead = round_up(block_bytes + block_bytes / 8, kPageBytes);
    block_bytes = ahead < room ? ahead : room;
  }
  if (!set_end(span, unit, block_bytes)) return false;
  const auto keep = static_cast<u32>((offset + block_bytes + guard + kUnitBytes - 1) / kUnitBytes);
  if (keep < span.units) arena_.shrink(unit, keep - (HAK_SEEDED(kShrinkTooMuch) && keep > 1));
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
