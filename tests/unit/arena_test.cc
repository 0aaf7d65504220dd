// backing/arena: spans against a model, growth, merging, purge, and how it starts under failure.
#include "backing/arena.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

class ArenaTest : public testing::Test {
 protected:
  void SetUp() override {
    script() = Script{};
    options_.load_defaults(Profile::kHardened);
    ASSERT_TRUE(arena_.init(kScripted, options_, random_, kArenaBytes));
  }
  void TearDown() override {
    arena_.destroy();
    EXPECT_EQ(script().complaint, "");
  }
  u32 take(u32 units) {
    dirty_ = true;
    return arena_.take(units, &dirty_);
  }
  std::size_t free_bytes() {
    ArenaStats stats;
    arena_.stats(&stats);
    return stats.free_clean_bytes + stats.free_dirty_bytes;
  }
  ArenaStats stats() {
    ArenaStats out;
    arena_.stats(&out);
    return out;
  }

  Options options_;
  Random random_{1};
  Arena arena_;
  bool dirty_ = false;
};

TEST_F(ArenaTest, BeforeItStartsEveryPointerIsOutOfRange) {
  Arena fresh;
  EXPECT_FALSE(fresh.contains(nullptr));
  EXPECT_FALSE(fresh.contains(&fresh));
  EXPECT_FALSE(fresh.contains(reinterpret_cast<void*>(std::uintptr_t{1} << 63)));
  EXPECT_EQ(fresh.frontier(), 0U);
}

TEST_F(ArenaTest, RangeIsAlignedAndKnown) {
  EXPECT_EQ(arena_.base % kUnitBytes, 0U);
  EXPECT_EQ(arena_.reserved_bytes(), kArenaBytes);
  const u32 unit = take(1);
  ASSERT_NE(unit, kNoSpan);
  EXPECT_FALSE(dirty_);
  EXPECT_TRUE(arena_.contains(arena_.unit_address(unit)));
  EXPECT_EQ(arena_.unit_of(arena_.unit_address(unit) + kUnitBytes - 1), unit);
  EXPECT_FALSE(arena_.contains(arena_.unit_address(0) - 1));
  EXPECT_FALSE(arena_.contains(arena_.unit_address(0) + kArenaBytes));
}

TEST_F(ArenaTest, StateAndWordTablesBelongToTheirGranuleAndUnit) {
  const u32 unit = take(4);
  std::byte* at = arena_.unit_address(unit);
  EXPECT_EQ(arena_.state_of(at + 16), arena_.state_of(at) + 1);
  EXPECT_EQ(arena_.state_of(at), arena_.state + (address_of(at) - arena_.base) / 16);
  EXPECT_EQ(arena_.word(unit + 1), arena_.word(unit) + 1);
  EXPECT_EQ(*arena_.word(unit), 0U);
  for (std::size_t i = 0; i < 4 * kGranulesPerUnit; ++i) ASSERT_EQ(arena_.state_of(at)[i], 0);
}

TEST_F(ArenaTest, ASpanIsSplitAndMergedAgain) {
  const u32 big = take(10);
  const u32 fence = take(1);
  arena_.give(big, true);
  EXPECT_EQ(take(3), big);
  EXPECT_TRUE(dirty_) << "the content is still there";
  EXPECT_EQ(take(3), big + 3);
  EXPECT_EQ(take(4), big + 6);
  arena_.give(big, true);
  arena_.give(big + 6, true);
  EXPECT_TRUE(arena_.verify());
  arena_.give(big + 3, true);
  EXPECT_TRUE(arena_.verify()) << "merged with both sides";
  EXPECT_EQ(take(10), big);
  arena_.give(fence, false);
  EXPECT_TRUE(arena_.verify());
}

TEST_F(ArenaTest, CleanAndDirtyStayApartUntilThePurge) {
  const u32 a = take(2), b = take(2), c = take(2);
  take(1);
  arena_.give(a, true);
  arena_.give(b, false);
  arena_.give(c, true);
  ASSERT_TRUE(arena_.verify());
  EXPECT_EQ(stats().free_dirty_bytes, 4 * kUnitBytes);
  EXPECT_EQ(stats().free_clean_bytes, 2 * kUnitBytes);
  arena_.purge_free(true);
  ASSERT_TRUE(arena_.verify());
  EXPECT_EQ(stats().free_dirty_bytes, 0U);
  EXPECT_EQ(stats().free_clean_bytes, 6 * kUnitBytes);
  EXPECT_EQ(stats().purge_calls, 2U);
  EXPECT_EQ(take(6), a) << "one span now";
  EXPECT_FALSE(dirty_);
}

TEST_F(ArenaTest, PurgedPagesReadAsZero) {
  const u32 unit = take(2);
  memset(arena_.unit_address(unit), 0x5a, 2 * kUnitBytes);
  arena_.give(unit, true);
  arena_.purge_free(true);
  ASSERT_EQ(take(2), unit);
  EXPECT_FALSE(dirty_);
  EXPECT_TRUE(all_bytes(arena_.unit_address(unit), 2 * kUnitBytes, 0));
}

TEST_F(ArenaTest, AMergedSpanHasTheAgeOfItsOldestPiece) {
  const u64 delay = arena_.purge_delay_ms();
  const u32 a = take(2), b = take(2), c = take(2);
  take(1);
  arena_.give(a, true);
  arena_.give(c, true);
  // A block that was cached brings its own age, which is greater than that of both neighbours.
  arena_.give(b, true, script().now_ms - delay);
  ASSERT_EQ(arena_.span(a)->units, 6U);
  EXPECT_EQ(arena_.span(a)->freed_at_ms, script().now_ms - delay);
  arena_.purge_free(false);
  EXPECT_EQ(stats().free_dirty_bytes, 0U);

  const u32 d = take(2), e = take(2);
  arena_.give(d, true, script().now_ms - 10);
  arena_.give(e, true);
  EXPECT_EQ(arena_.span(d)->freed_at_ms, script().now_ms - 10);
  arena_.purge_free(false);
  EXPECT_EQ(stats().free_dirty_bytes, 4 * kUnitBytes) << "its delay is not over";
}

TEST_F(ArenaTest, APurgeThatTheKernelRefusesLeavesTheSpanDirty) {
  const u32 unit = take(2);
  memset(arena_.unit_address(unit), 0x5a, 2 * kUnitBytes);
  arena_.give(unit, true);
  script().arm(kCallPurge, 1);
  arena_.purge_free(true);
  EXPECT_EQ(script().failed, 1U);
  EXPECT_TRUE(arena_.verify());
  EXPECT_EQ(stats().free_dirty_bytes, 2 * kUnitBytes);
  ASSERT_EQ(take(2), unit);
  EXPECT_TRUE(dirty_) << "or a calloc would return the old content";
}

TEST_F(ArenaTest, TheDelayDecidesWhatATickGivesBack) {
  options_.set(OptionId::kPurgeDelayMs, 100);
  const u32 first = take(2);
  take(1);
  const u32 second = take(2);
  take(1);
  arena_.give(first, true);
  script().now_ms += 90;
  arena_.give(second, true);
  arena_.tick();
  EXPECT_EQ(stats().free_dirty_bytes, 4 * kUnitBytes) << "nobody is 100 ms old";
  script().now_ms += 50;
  arena_.tick();
  EXPECT_EQ(stats().free_dirty_bytes, 2 * kUnitBytes) << "the first is, the second is not";
  script().now_ms += 100;
  arena_.tick();
  EXPECT_EQ(stats().free_dirty_bytes, 0U);
  EXPECT_TRUE(arena_.verify());
}

TEST_F(ArenaTest, WithoutADelayATickGivesEverythingBackOnceAMillisecond) {
  options_.set(OptionId::kPurgeDelayMs, 0);
  const u32 first = take(2);
  take(1);
  const u32 second = take(2);
  take(1);
  arena_.give(first, true);
  arena_.tick();
  EXPECT_EQ(stats().free_dirty_bytes, 0U);
  arena_.give(second, true);
  arena_.tick();
  EXPECT_EQ(stats().purge_calls, 1U) << "ticks may come as often as refills do";
  script().now_ms += 1;
  arena_.tick();
  EXPECT_EQ(stats().free_dirty_bytes, 0U);
  EXPECT_EQ(stats().purge_calls, 2U);
}

TEST_F(ArenaTest, ExtendTakesWhatIsFreeBehindAndNothingElse) {
  const u32 a = take(2), b = take(4), c = take(1);
  EXPECT_FALSE(arena_.extend(a, 1)) << "b is in use";
  arena_.give(b, true);
  EXPECT_FALSE(arena_.extend(a, 5)) << "more than is free";
  EXPECT_TRUE(arena_.extend(a, 3));
  EXPECT_EQ(arena_.span(a)->units, 5U);
  ASSERT_TRUE(arena_.verify());
  EXPECT_TRUE(arena_.extend(a, 1));
  EXPECT_FALSE(arena_.extend(a, 1)) << "c is in use";
  ASSERT_TRUE(arena_.verify());
  EXPECT_TRUE(arena_.extend(c, 2)) << "at the frontier, into what is committed";
  EXPECT_EQ(arena_.frontier(), c + 3);
  EXPECT_FALSE(arena_.extend(c, 1024)) << "not further than that";
  EXPECT_TRUE(arena_.verify());
}

TEST_F(ArenaTest, ShrinkGivesTheTailBack) {
  const u32 a = take(8);
  const u32 fence = take(1);
  arena_.shrink(a, 3);
  EXPECT_EQ(arena_.span(a)->units, 3U);
  ASSERT_TRUE(arena_.verify());
  EXPECT_EQ(stats().free_dirty_bytes, 5 * kUnitBytes);
  EXPECT_EQ(take(5), a + 3);
  EXPECT_TRUE(dirty_);
  arena_.give(fence, false);
}

TEST_F(ArenaTest, WholeReservationCanBeUsedOnceAndAgain) {
  const u32 all = static_cast<u32>(kArenaBytes / kUnitBytes);
  for (int round = 0; round < 2; ++round) {
    std::vector<u32> got;
    for (u32 unit; (unit = take(1)) != kNoSpan;) got.push_back(unit);
    // Where guards cost mappings, single units between two steps of growth stay out of use.
    if (kScripted.light_guards()) {
      EXPECT_EQ(got.size(), all);
    }
    EXPECT_EQ(arena_.last_limit(), Limit::kAddressSpace);
    EXPECT_EQ(std::set<u32>(got.begin(), got.end()).size(), got.size());
    for (std::size_t i = 0; i < got.size(); i += 2) arena_.give(got[i], i % 4 == 0);
    ASSERT_TRUE(arena_.verify());
    for (std::size_t i = 1; i < got.size(); i += 2) arena_.give(got[i], i % 4 == 1);
    ASSERT_TRUE(arena_.verify());
  }
}

TEST_F(ArenaTest, ARequestThatOnlyFitsAfterMergingCleanWithDirtyIsServed) {
  std::vector<u32> got;
  for (u32 unit; (unit = take(8)) != kNoSpan;) got.push_back(unit);
  for (u32 unit : got) arena_.give(unit, unit / 8 % 2 == 0);
  const u32 most = static_cast<u32>(got.size()) * 8;
  EXPECT_NE(take(most), kNoSpan);
  EXPECT_FALSE(dirty_);
  EXPECT_TRUE(arena_.verify());
}

TEST_F(ArenaTest, MoreThanEverythingIsRefusedWithoutHarm) {
  EXPECT_EQ(take(static_cast<u32>(kArenaBytes / kUnitBytes) + 1), kNoSpan);
  EXPECT_EQ(take(kNoSpan / 2), kNoSpan);
  EXPECT_TRUE(arena_.verify());
  EXPECT_NE(take(1), kNoSpan);
}

/// The same operations on a map of spans. Every unit of a span in use carries the span's number.
class Model {
 public:
  Model(Arena& arena, u64 seed) : arena_(arena), random_(seed) {}

  void step() {
    const u32 choice = random_.below(100);
    if (choice < 40) return take();
    if (spans_.empty()) return;
    auto span = spans_.begin();
    std::advance(span, random_.below(static_cast<u32>(spans_.size())));
    if (choice < 75) return give(span);
    if (choice < 85) return extend(span);
    if (choice < 95) return shrink(span);
    arena_.purge_free(choice < 97);
  }

  void check() {
    ASSERT_TRUE(arena_.verify());
    ArenaStats stats;
    arena_.stats(&stats);
    std::size_t used = 0;
    for (const auto& [unit, units] : spans_) used += units * kUnitBytes;
    if (kScripted.light_guards()) {
      ASSERT_EQ(used + stats.free_clean_bytes + stats.free_dirty_bytes,
                arena_.frontier() * kUnitBytes);
    }
  }

 private:
  using Spans = std::map<u32, u32>;

  std::byte* page_of(u32 unit) { return arena_.unit_address(unit) + kPageBytes; }
  void mark(u32 unit, u32 units, u32 number) {
    for (u32 i = 0; i < units; ++i) *reinterpret_cast<u32*>(page_of(unit + i)) = number;
  }
  void expect_marked(u32 unit, u32 units) {
    for (u32 i = 0; i < units; ++i)
      ASSERT_EQ(*reinterpret_cast<u32*>(page_of(unit + i)), unit + 1) << "somebody else wrote here";
  }

  void take() {
    const u32 units = random_.below(4) ? 1 + random_.below(6) : 1 + random_.below(60);
    bool dirty = true;
    const u32 unit = arena_.take(units, &dirty);
    if (unit == kNoSpan) return;
    auto behind = spans_.lower_bound(unit);
    const u32 next = behind == spans_.end() ? kNoSpan : behind->first;
    const u32 end_before =
        behind == spans_.begin() ? 0 : std::prev(behind)->first + std::prev(behind)->second;
    ASSERT_LE(end_before, unit);
    ASSERT_LE(unit + units, next);
    for (u32 i = 0; i < units && !dirty; ++i)
      ASSERT_EQ(*reinterpret_cast<u32*>(page_of(unit + i)), 0U) << "said to be clean";
    spans_[unit] = units;
    mark(unit, units, unit + 1);
  }
  void give(Spans::iterator span) {
    expect_marked(span->first, span->second);
    arena_.give(span->first, true);
    spans_.erase(span);
  }
  void extend(Spans::iterator span) {
    const u32 more = 1 + random_.below(8);
    if (!arena_.extend(span->first, more)) return;
    expect_marked(span->first, span->second);
    mark(span->first + span->second, more, span->first + 1);
    span->second += more;
    auto behind = std::next(span);
    ASSERT_LE(span->first + span->second, behind == spans_.end() ? kNoSpan : behind->first);
  }
  void shrink(Spans::iterator span) {
    if (span->second < 2) return;
    const u32 keep = 1 + random_.below(span->second - 1);
    arena_.shrink(span->first, keep);
    expect_marked(span->first, keep);
    span->second = keep;
  }

  Arena& arena_;
  Random random_;
  Spans spans_;
};

TEST_F(ArenaTest, RandomOperationsAgreeWithTheModelWhereGuardsAreDear) {
  script().old_kernel = true;
  Model model(arena_, 12);
  for (int i = 0; i < 5000; ++i) {
    model.step();
    if (i % 16 == 0) model.check();
    if (HasFatalFailure()) FAIL() << "at step " << i;
  }
  u32 gaps = 0;
  for (u32 at = 0; at < arena_.frontier(); at += arena_.span(at)->units)
    gaps += arena_.span(at)->kind == SpanKind::kNone && arena_.span(at)->units == 1;
  EXPECT_GT(gaps, 0U) << "an uncommitted unit between two steps of growth is the guard";
}

TEST_F(ArenaTest, RandomOperationsAgreeWithTheModel) {
  Model model(arena_, 11);
  for (int i = 0; i < 20000; ++i) {
    model.step();
    if (HasFatalFailure()) FAIL() << "at step " << i;
    if (i % 16 == 0) model.check();
    if (i % 7 == 0) script().now_ms += 100;
    if (HasFatalFailure()) FAIL() << "at step " << i;
  }
}

TEST_F(ArenaTest, VerifySeesBrokenSpans) {
  const u32 a = take(4), b = take(4);
  ASSERT_TRUE(arena_.verify());
  Span& span = *arena_.span(a);
  const u32 units = span.units;
  span.units = 3;
  EXPECT_FALSE(arena_.verify()) << "A1: a unit of nobody";
  span.units = 5;
  EXPECT_FALSE(arena_.verify()) << "A1: overlap";
  span.units = 0;
  EXPECT_FALSE(arena_.verify()) << "A1: no progress";
  span.units = units;
  ASSERT_TRUE(arena_.verify());
  arena_.give(a, true);
  arena_.give(b, false);
  ASSERT_TRUE(arena_.verify());
  arena_.span(b)->dirty = true;
  EXPECT_FALSE(arena_.verify()) << "A2: neighbours of one kind";
  arena_.span(b)->dirty = false;
  arena_.span(b)->kind = SpanKind::kNone;
  EXPECT_FALSE(arena_.verify()) << "free bytes do not add up";
  arena_.span(b)->kind = SpanKind::kFree;
  EXPECT_TRUE(arena_.verify());
}

}  // namespace
}  // namespace hak::test
