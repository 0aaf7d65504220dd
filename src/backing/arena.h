#pragma once
// The arena: one reserved address range, cut into units; the page map (unit -> span, state bytes,
// slab words) in a range of its own; free spans with coalescing and delayed purge.
//
// A1  every unit below `frontier` belongs to exactly one span; spans do not overlap
// A2  no two neighbouring free spans (they are merged), unless one is clean and one is dirty
// A3  everything below `frontier` is committed, in the arena and in every metadata table
#include "backing/slot_state.h"
#include "backing/span.h"
#include "base/annotate.h"
#include "base/options.h"
#include "os/lock.h"
#include "os/os.h"

namespace hak {

/// Slab words lie at a fixed distance below the state bytes, so that one base serves both tables.
inline constexpr std::size_t kWordTableDistance = std::size_t{1} << 30;
inline constexpr unsigned kFreeBins = 64;

/// What the fast paths read of the arena. `base` starts at 2^63, so that before the arena exists
/// every pointer is out of range.
struct ArenaView {
  std::uintptr_t base = std::uintptr_t{1} << 63;
  std::size_t granules = 0;      ///< committed, counted in granules
  u8* state = nullptr;           ///< state[(p - base) >> 4]
  std::uintptr_t state_bias = 0; ///< state - (base >> 4), for pointers known to be ours

  FAST_PATH u8* state_of(const void* p) const {
    return reinterpret_cast<u8*>(state_bias + (address_of(p) >> kGranuleShift));
  }
  /// The word of a unit: address of the owner's magazine pair for the slab, 0 if nobody owns it.
  FAST_PATH std::uintptr_t* word(std::size_t unit) const {
    return reinterpret_cast<std::uintptr_t*>(state - kWordTableDistance) + unit;
  }
  FAST_PATH std::uintptr_t owner_word(std::size_t unit) const { return racy_load(*word(unit)); }
};

struct ArenaStats {
  std::size_t reserved_bytes, committed_bytes, free_dirty_bytes, free_clean_bytes;
  std::size_t slab_bytes, large_bytes, large_cached_bytes;
  u64 large_count, purge_calls, limit_hits;
};

/// Limits that were hit, named in reports and statistics.
enum class Limit : u8 { kNone, kAddressSpace, kMappings, kMemory };

class Arena : public ArenaView {
 public:
  /// Reserves the range and its metadata: `gib` GiB, by halves down to 32 MiB until it fits. False,
  /// with nothing reserved, if not even that can be had.
  bool init(const Os& os, const Options& options, Random& random, std::size_t min_bytes = 0);
  void destroy();
  /// Calls visit(address, bytes) for every range that init reserved.
  template <typename Visit>
  void each_range(Visit&& visit) const;

  // ---- spans; each call takes the arena's lock ----
  /// A span of `units`, kind kNone, zero unless *dirty. kNoSpan when memory is exhausted.
  u32 take(u32 units, bool* dirty);
  /// Gives a span back; its states must be cleared already.
  /// `freed_at_ms` 0: now.
  void give(u32 unit, bool dirty, u64 freed_at_ms = 0);
  /// Extends a span in place by `more` units if what follows is free.
  bool extend(u32 unit, u32 more);
  /// Cuts the tail of a span off and gives it back.
  void shrink(u32 unit, u32 keep_units);
  /// Purges free spans that have been dirty for the configured delay, or all.
  void purge_free(bool all);
  void tick();

  Span* span(u32 unit) const { return &spans_[unit]; }
  Span* spans() const { return spans_; }
  /// First unit of the span that contains `unit`; kNoSpan when unknown.
  u32 span_of(u32 unit) const { return span_of_[unit]; }
  void map_span(u32 unit, u32 units);
  /// Leads from a unit inside a span to the span.
  void map_block(u32 unit, u32 span_unit) {
    if (span_of_[unit] != span_unit) span_of_[unit] = span_unit;
  }
  u64 purge_delay_ms() const { return options_->get(OptionId::kPurgeDelayMs); }
  u64* free_bits(u32 unit) const { return free_bits_ + std::size_t{unit} * kBitWords; }
  Atomic<u64>* remote_bits(u32 unit) const { return remote_bits_ + std::size_t{unit} * kBitWords; }
  std::byte* unit_address(u32 unit) const {
    return reinterpret_cast<std::byte*>(base + std::size_t{unit} * kUnitBytes);
  }
  FAST_PATH bool contains(const void* p) const {
    return (address_of(p) - base) >> kGranuleShift < racy_load(granules);
  }
  FAST_PATH u32 unit_of(const void* p) const {
    return static_cast<u32>((address_of(p) - base) >> kUnitShift);
  }
  u32 frontier() const { return frontier_; }
  /// Where tools that read the heap from outside find them.
  const u32* frontier_at() const { return &frontier_; }
  const u32* span_map() const { return span_of_; }
  std::size_t reserved_bytes() const { return reserved_bytes_; }
  Limit last_limit() const { return last_limit_; }
  u32 next_birth() { return births_.fetch_add(1, kRelaxed) + 1; }
  void hit(Limit limit) { last_limit_ = limit; }
  const Os& os() const { return *os_; }
  bool guards() const { return guards_; }
  u64 purge_calls() const { return purge_calls_.load(kRelaxed); }
  void stats(ArenaStats* out);
  /// Checks A1-A3 over all spans; true if they hold.
  bool verify();

  Lock lock;

  static constexpr std::size_t kBitWords = kMaxSlabSlots / 64;
  static constexpr std::size_t kBitBytes = kBitWords * sizeof(u64);

 private:
  bool reserve_all(std::size_t bytes, Random& random);
  void* reserve_somewhere(std::size_t bytes, Random& random);
  bool reserve_map(std::size_t units, Random& random);
  bool grow(u32 units);
  bool commit_unit_range(u32 from, u32 usable_from, u32 to);
  void merge_and_insert(u32 unit, u32 units, bool dirty);
  void purge_older_than(u64 time_ms);
  u32 find_free(u32 units);
  void insert_free(u32 unit, u32 units, bool dirty);
  void remove_free(u32 unit);
  void purge_span(u32 unit);
  static unsigned bin_of(u32 units);

  const Os* os_ = nullptr;
  const Options* options_ = nullptr;
  Span* spans_ = nullptr;
  u32* span_of_ = nullptr;
  u64* free_bits_ = nullptr;
  Atomic<u64>* remote_bits_ = nullptr;
  std::size_t reserved_bytes_ = 0;
  void* range_ = nullptr;       // as reserved, before alignment to units
  std::byte* words_ = nullptr;
  bool one_map_ = false;        // words and states came as one reservation, with the gap
  u32 frontier_ = 0;   // units handed to spans at least once
  u32 committed_ = 0;  // units committed
  u32 limit_ = 0;      // units reserved
  bool guards_ = false;
  Limit last_limit_ = Limit::kNone;
  SpanList bins_[2][kFreeBins];  // [dirty][size]
  u64 filled_bins_[2] = {};      // a bit for each bin that is not empty
  Atomic<std::size_t> free_bytes_[2] = {};  // written under the lock
  Atomic<u64> purge_calls_{0};  // written under the lock, read by probes without it
  Atomic<u64> next_tick_ms_{0};
  Atomic<u32> births_{0};
};

template <typename Visit>
void Arena::each_range(Visit&& visit) const {
  const std::size_t units = limit_;
  const auto table = [&](void* at, std::size_t bytes) {
    if (at) visit(static_cast<std::byte*>(at) - kPageBytes, round_up(bytes, kPageBytes) + 2 * kPageBytes);
  };
  table(spans_, units * sizeof(Span));
  table(span_of_, units * sizeof(u32));
  table(free_bits_, units * kBitBytes);
  table(remote_bits_, units * kBitBytes);
  if (words_ && one_map_) {
    visit(words_, kWordTableDistance + units * kGranulesPerUnit);
  } else if (words_) {
    visit(state, units * kGranulesPerUnit);
    visit(words_, round_up(units * sizeof(std::uintptr_t), kPageBytes));
  }
  if (range_) visit(range_, reserved_bytes_ + kUnitBytes);
}

}  // namespace hak
