#include "backing/arena.h"

#include "base/check.h"

namespace hak {
namespace {
constexpr std::size_t kMinArenaBytes = std::size_t{32} << 20;
constexpr u32 kGrowUnits = 64;
/// Where random bases are drawn from: above everything a small program maps by address, below the
/// range that the kernel fills from the top with libraries and stacks.
constexpr std::uintptr_t kLowestBase = std::uintptr_t{0x10} << 40;
constexpr u32 kBaseSlots = u32{1} << 30;
constexpr int kPlacementTries = 8;

}  // namespace

void SpanList::push(Span* table, u32 unit) {
  table[unit].prev = kNoSpan;
  table[unit].next = head;
  if (head != kNoSpan) table[head].prev = unit;
  head = unit;
}

void SpanList::remove(Span* table, u32 unit) {
  Span& span = table[unit];
  if (span.prev == kNoSpan) {
    head = span.next;
  } else {
    table[span.prev].next = span.next;
  }
  if (span.next != kNoSpan) table[span.next].prev = span.prev;
}

void* Arena::reserve_somewhere(std::size_t bytes, Random& random) {
  for (int i = 0; i < kPlacementTries; ++i) {
    const std::uintptr_t hint =
        kLowestBase + (std::uintptr_t{random.below(kBaseSlots)} << kUnitShift);
    if (void* at = os_->reserve(hint, bytes)) return at;
  }
  return os_->reserve(0, bytes);
}

bool Arena::reserve_map(std::size_t units, Random& random) {
  const std::size_t word_bytes = round_up(units * sizeof(std::uintptr_t), kPageBytes);
  const std::size_t state_bytes = units * kGranulesPerUnit;
  std::byte* words = nullptr;
  for (int i = 0; i < kPlacementTries && !words; ++i) {
    const std::uintptr_t hint =
        kLowestBase + (std::uintptr_t{random.below(kBaseSlots)} << kUnitShift);
    words = static_cast<std::byte*>(os_->reserve(hint, word_bytes));
    if (!words) continue;
    if (!os_->reserve(hint + kWordTableDistance, state_bytes)) {
      os_->release(words, word_bytes);
      words = nullptr;
    }
  }
  one_map_ = !words;
  if (!words) words = static_cast<std::byte*>(os_->reserve(0, kWordTableDistance + state_bytes));
  words_ = words;
  if (!words) return false;
  state = reinterpret_cast<u8*>(words + kWordTableDistance);
  os_->sparse(state, state_bytes);

  // One page without access lies before and behind every table.
  const auto table = [&](std::size_t bytes) -> void* {
    void* at = reserve_somewhere(round_up(bytes, kPageBytes) + 2 * kPageBytes, random);
    return at ? static_cast<std::byte*>(at) + kPageBytes : nullptr;
  };
  spans_ = static_cast<Span*>(table(units * sizeof(Span)));
  span_of_ = static_cast<u32*>(table(units * sizeof(u32)));
  free_bits_ = static_cast<u64*>(table(units * kBitWords * sizeof(u64)));
  remote_bits_ = static_cast<Atomic<u64>*>(table(units * kBitWords * sizeof(u64)));
  return spans_ && span_of_ && free_bits_ && remote_bits_;
}

bool Arena::reserve_all(std::size_t bytes, Random& random) {
  limit_ = static_cast<u32>(bytes / kUnitBytes);
  reserved_bytes_ = bytes;
  range_ = reserve_somewhere(bytes + kUnitBytes, random);
  if (!range_ || !reserve_map(limit_, random)) {
    destroy();
    return false;
  }
  base = round_up(address_of(range_), kUnitBytes);
  state_bias = address_of(state) - (base >> kGranuleShift);
  return true;
}

bool Arena::init(const Os& os, const Options& options, Random& random, std::size_t min_bytes) {
  os_ = &os;
  options_ = &options;
  guards_ = options.on(OptionId::kGuards);
  std::size_t bytes = static_cast<std::size_t>(options.get(OptionId::kArenaGib)) << 30;
  if (bytes == 0) bytes = kMinArenaBytes;
  if (min_bytes) bytes = min_bytes;
  // Half of a limited address space at most: the rest is for the program's stacks and mappings.
  const std::size_t limit = os.address_limit();
  while (bytes > kMinArenaBytes && bytes > limit / 2) bytes /= 2;
  for (bool first = true; bytes >= kMinArenaBytes || first; bytes /= 2, first = false) {
    if (reserve_all(bytes, random)) return true;
    last_limit_ = Limit::kAddressSpace;
  }
  return false;
}

void Arena::destroy() {
  each_range([this](void* at, std::size_t bytes) { os_->release(at, bytes); });
  static_cast<ArenaView&>(*this) = ArenaView{};
  spans_ = nullptr;
  span_of_ = nullptr;
  free_bits_ = nullptr;
  remote_bits_ = nullptr;
  words_ = nullptr;
  range_ = nullptr;
  reserved_bytes_ = 0;
  limit_ = committed_ = frontier_ = 0;
  for (auto& by_size : bins_)
    for (SpanList& list : by_size) list = SpanList{};
  filled_bins_[0] = filled_bins_[1] = 0;
  free_bytes_[0] = free_bytes_[1] = 0;
  purge_calls_ = next_tick_ms_ = 0;
}

/// Commits the metadata of units [from, to) and the units [usable_from, to) themselves.
bool Arena::commit_unit_range(u32 from, u32 usable_from, u32 to) {
  const auto table = [&](void* at, std::size_t entry_bytes) {
    const std::size_t first = from * entry_bytes / kPageBytes * kPageBytes;
    const std::size_t bytes = round_up(to * entry_bytes, kPageBytes) - first;
    std::byte* begin = static_cast<std::byte*>(at) + first;
    return os_->commit(begin, bytes) && annotate::hidden(begin, bytes);
  };
  return table(spans_, sizeof(Span)) && table(span_of_, sizeof(u32)) &&
         table(free_bits_, kBitBytes) && table(remote_bits_, kBitBytes) &&
         table(word(0), sizeof(std::uintptr_t)) && table(state, kGranulesPerUnit) &&
         os_->commit(unit_address(usable_from), std::size_t{to - usable_from} * kUnitBytes);
}

/// Makes `units` more units available at the frontier. Commits ahead, so that system calls and
/// mappings stay few; under a tight limit exactly what is needed. Where guards cost mappings, a unit
/// that stays uncommitted between two steps is the guard.
bool Arena::grow(u32 units) {
  if (u64{frontier_} + units <= committed_) return true;
  const bool gap = guards_ && !os_->light_guards() && frontier_ == committed_ && committed_ != 0;
  const u32 usable_from = committed_ + (gap ? 1 : 0);
  const u64 need = u64{frontier_} + units + (gap ? 1 : 0);
  if (need > limit_) {
    last_limit_ = Limit::kAddressSpace;
    return false;
  }
  const u64 ahead = committed_ / 8 > kGrowUnits ? committed_ / 8 : kGrowUnits;
  u64 to = need + ahead < limit_ ? need + ahead : limit_;
  if (!commit_unit_range(committed_, usable_from, static_cast<u32>(to))) {
    to = need;
    if (!commit_unit_range(committed_, usable_from, static_cast<u32>(to))) {
      last_limit_ = Limit::kMemory;
      return false;
    }
  }
  if (gap) {
    set_kind(spans_[frontier_], SpanKind::kNone);
    spans_[frontier_].units = 1;
    span_of_[frontier_] = frontier_;
    ++frontier_;
  }
  committed_ = static_cast<u32>(to);
  atomic_store(&granules, std::size_t{committed_} * kGranulesPerUnit, kRelease);
  return true;
}

unsigned Arena::bin_of(u32 units) {
  if (units <= 32) return units - 1;
  const unsigned log = 31U - static_cast<unsigned>(__builtin_clz(units));  // 5..31
  return 32 + (log - 5);
}

void Arena::insert_free(u32 unit, u32 units, bool dirty) {
  Span& span = spans_[unit];
  set_kind(span, SpanKind::kFree);
  span.units = units;
  span.dirty = dirty;
  span_of_[unit] = unit;
  span_of_[unit + units - 1] = unit;
  free_bytes_[dirty].fetch_add(std::size_t{units} * kUnitBytes, kRelaxed);
  bins_[dirty][bin_of(units)].push(spans_, unit);
  filled_bins_[dirty] |= u64{1} << bin_of(units);
}

void Arena::remove_free(u32 unit) {
  Span& span = spans_[unit];
  free_bytes_[span.dirty].fetch_sub(std::size_t{span.units} * kUnitBytes, kRelaxed);
  SpanList& bin = bins_[span.dirty][bin_of(span.units)];
  bin.remove(spans_, unit);
  if (bin.empty()) filled_bins_[span.dirty] &= ~(u64{1} << bin_of(span.units));
}

/// First fit in the smallest bin that can hold it, warm pages first.
u32 Arena::find_free(u32 units) {
  for (int dirty = 1; dirty >= 0; --dirty) {
    for (u64 bins = filled_bins_[dirty] >> bin_of(units) << bin_of(units); bins; bins &= bins - 1) {
      for (u32 at = bins_[dirty][__builtin_ctzll(bins)].head; at != kNoSpan; at = spans_[at].next)
        if (spans_[at].units >= units) return at;
    }
  }
  return kNoSpan;
}

u32 Arena::take(u32 units, bool* dirty) {
  Locked locked(lock);
  u32 at = find_free(units);
  if (at == kNoSpan && !grow(units)) {
    // Dirty and clean neighbours do not merge; purged they do, and may hold the request then.
    purge_older_than(~u64{0});
    at = find_free(units);
    if (at == kNoSpan) return kNoSpan;
  }
  if (at == kNoSpan) {
    at = frontier_;
    frontier_ += units;
    *dirty = false;
  } else {
    remove_free(at);
    *dirty = spans_[at].dirty;
    const u32 rest = spans_[at].units - units + HAK_SEEDED(kSpansOverlap);
    if (rest) {
      spans_[at + units].freed_at_ms = spans_[at].freed_at_ms;
      insert_free(at + units, rest, *dirty);
    }
  }
  Span& span = spans_[at];
  set_kind(span, SpanKind::kNone);
  span.units = units;
  span_of_[at] = span_of_[at + units - 1] = at;
  annotate::closed(unit_address(at), std::size_t{units} * kUnitBytes);
  return at;
}

/// Makes [unit, unit + units) a free span, one with its neighbours of the same kind. It takes the age
/// of its oldest piece: a busy neighbour must not keep the rest from being given back.
void Arena::merge_and_insert(u32 unit, u32 units, bool dirty) {
  u64 oldest = spans_[unit].freed_at_ms;
  const auto absorb = [&](u32 neighbour) {
    remove_free(neighbour);
    units += spans_[neighbour].units;
    if (spans_[neighbour].freed_at_ms < oldest || HAK_SEEDED(kMergeForgetsAge)) oldest = spans_[neighbour].freed_at_ms;
  };
  const auto merges = [&](u32 other) {
    return kind_of(spans_[other]) == SpanKind::kFree && spans_[other].dirty == dirty;
  };
  const u32 behind = unit + units;
  if (behind < frontier_ && merges(behind) && !HAK_SEEDED(kMergeForgotten)) {
    absorb(behind);
    set_kind(spans_[behind], SpanKind::kNone);
  }
  if (unit > 0 && merges(span_of_[unit - 1])) {
    const u32 before = span_of_[unit - 1];
    absorb(before);
    set_kind(spans_[unit], SpanKind::kNone);
    unit = before;
  }
  spans_[unit].freed_at_ms = oldest;
  insert_free(unit, units, dirty);
}

void Arena::give(u32 unit, bool dirty, u64 freed_at_ms) {
  Locked locked(lock);
  spans_[unit].freed_at_ms = freed_at_ms ? freed_at_ms : os_->now_ms();
  merge_and_insert(unit, spans_[unit].units, dirty);
}

/// Gives a free span's pages back and merges it with clean neighbours; it stays dirty if the kernel
/// refuses.
void Arena::purge_span(u32 unit) {
  Span& span = spans_[unit];
  remove_free(unit);
  purge_calls_.fetch_add(1, kRelaxed);
  const bool clean = os_->purge(unit_address(unit), (span.units + HAK_SEEDED(kPurgeTooMuch)) * kUnitBytes);
  if (!clean) span.freed_at_ms = os_->now_ms();
  merge_and_insert(unit, span.units, !clean);
}

void Arena::purge_older_than(u64 time_ms) {
  for (auto& bin : bins_[1]) {
    for (u32 at = bin.head; at != kNoSpan;) {
      const u32 next = spans_[at].next;
      if (spans_[at].freed_at_ms <= time_ms) purge_span(at);
      at = next;
    }
  }
}

void Arena::purge_free(bool all) {
  Locked locked(lock);
  const u64 now = os_->now_ms();
  const u64 delay = options_->get(OptionId::kPurgeDelayMs);
  next_tick_ms_ = now + delay / 4 + 1;
  if (all || now > delay) purge_older_than(all ? now : now - delay);
}

void Arena::tick() {
  // A look without the lock: a stale value is a tick that comes a little late.
  if (free_bytes_[1].load(kRelaxed) && os_->now_ms() >= next_tick_ms_.load(kRelaxed)) purge_free(false);
}

bool Arena::extend(u32 unit, u32 more) {
  Locked locked(lock);
  Span& span = spans_[unit];
  const u32 behind = unit + span.units;
  if (behind == frontier_) {
    if (u64{frontier_} + more > committed_) return false;
    frontier_ += more;
  } else {
    if (kind_of(spans_[behind]) != SpanKind::kFree || spans_[behind].units < more) return false;
    remove_free(behind);
    const u32 rest = spans_[behind].units - more + HAK_SEEDED(kExtendOverlap);
    const bool dirty = spans_[behind].dirty;
    set_kind(spans_[behind], SpanKind::kNone);
    if (rest) {
      spans_[behind + more].freed_at_ms = spans_[behind].freed_at_ms;
      insert_free(behind + more, rest, dirty);
    }
  }
  span.units += more;
  span_of_[unit + span.units - 1] = unit;
  return true;
}

void Arena::shrink(u32 unit, u32 keep_units) {
  u32 tail = unit + keep_units;
  {
    Locked locked(lock);
    Span& span = spans_[unit];
    set_kind(spans_[tail], SpanKind::kNone);
    spans_[tail].units = span.units - keep_units;
    span_of_[tail] = tail;
    span_of_[tail + spans_[tail].units - 1] = tail;
    span.units = keep_units;
    span_of_[tail - 1] = unit;
  }
  give(tail, true);
}

void Arena::map_span(u32 unit, u32 units) {
  // The two ends are set since the span was taken, under the lock; others may look at them.
  for (u32 i = 1; i + 1 < units; ++i) span_of_[unit + i] = unit;
}

}  // namespace hak
