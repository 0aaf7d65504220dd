// backing/arena: where it comes to lie, and starting when little or nothing can be had.
#include <gtest/gtest.h>

#include <set>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

/// An arena from the scripted kernel; nothing may stay reserved behind it.
class ArenaStart : public testing::Test {
 protected:
  void SetUp() override {
    script() = Script{};
    options_.load_defaults(Profile::kHardened);
  }
  bool start(std::size_t bytes, u64 seed = 1) {
    Random random(seed);
    return arena_.init(kScripted, options_, random, bytes);
  }
  void expect_usable() {
    bool dirty = true;
    const u32 unit = arena_.take(2, &dirty);
    ASSERT_NE(unit, kNoSpan);
    EXPECT_FALSE(dirty);
    memset(arena_.unit_address(unit), 1, 2 * kUnitBytes);
    EXPECT_TRUE(arena_.verify());
  }

  Options options_;
  Arena arena_;
};

TEST_F(ArenaStart, LiesAtARandomPlaceThatTheSeedDecides) {
  std::set<std::uintptr_t> bases;
  for (u64 seed = 1; seed <= 20; ++seed) {
    std::uintptr_t first = 0;
    for (int again = 0; again < 2; ++again) {
      ASSERT_TRUE(start(kArenaBytes, seed));
      EXPECT_GE(arena_.base, std::uintptr_t{0x10} << 40);
      if (again) {
        EXPECT_EQ(arena_.base, first) << "the same seed, the same place";
      }
      first = arena_.base;
      arena_.destroy();
    }
    bases.insert(first);
  }
  EXPECT_EQ(bases.size(), 20U);
}

TEST_F(ArenaStart, MetadataIsNotNextToTheArena) {
  ASSERT_TRUE(start(kArenaBytes));
  const auto distance = [&](const void* p) {
    const std::uintptr_t at = address_of(p);
    return at > arena_.base ? at - arena_.base : arena_.base - at;
  };
  EXPECT_GT(distance(arena_.spans()), 128 * kMiB);
  EXPECT_GT(distance(arena_.state), 128 * kMiB);
  EXPECT_GT(distance(arena_.free_bits(0)), 128 * kMiB);
  arena_.destroy();
}

TEST_F(ArenaStart, DestroyGivesEverythingBack) {
  ASSERT_TRUE(start(kArenaBytes));
  expect_usable();
  EXPECT_GT(script().reserved_bytes(), kArenaBytes);
  arena_.destroy();
  EXPECT_EQ(script().reserved_bytes(), 0U);
  EXPECT_EQ(script().complaint, "");
  EXPECT_FALSE(arena_.contains(&arena_));
}

TEST_F(ArenaStart, ALaterLifeBeginsWithoutTheSpansOfTheOneBefore) {
  for (const bool dirty : {false, true}) {
    ASSERT_TRUE(start(kArenaBytes));
    bool was = false;
    const u32 first = arena_.take(4, &was);
    ASSERT_NE(arena_.take(4, &was), kNoSpan);
    arena_.give(first, dirty);
    arena_.destroy();
    ASSERT_TRUE(start(kArenaBytes));
    EXPECT_TRUE(arena_.verify()) << dirty;
    arena_.destroy();
  }
}

TEST_F(ArenaStart, DestroyGivesEverythingBackWhereTheKernelChosePlaces) {
  script().refuse_hints = true;
  ASSERT_TRUE(start(kArenaBytes));
  expect_usable();
  arena_.destroy();
  EXPECT_EQ(script().reserved_bytes(), 0U);
  EXPECT_EQ(script().complaint, "");
}

TEST_F(ArenaStart, AnySingleReservationMayFail) {
  for (u64 at = 1;; ++at) {
    script().arm(kCallReserve, at);
    ASSERT_TRUE(start(kArenaBytes)) << "reservation " << at;
    const bool reached = script().failed != 0;
    script().disarm();
    expect_usable();
    arena_.destroy();
    ASSERT_EQ(script().complaint, "") << "reservation " << at;
    ASSERT_EQ(script().reserved_bytes(), 0U) << "reservation " << at;
    if (!reached) break;
  }
}

TEST_F(ArenaStart, RunsOfFailedReservationsLeakNothing) {
  for (u64 count : {9U, 18U, 27U, 40U}) {
    for (u64 at = 1; at < 60; ++at) {
      script().arm(kCallReserve, at, count);
      const bool started = start(kArenaBytes);
      const bool reached = script().failed != 0;
      script().disarm();
      if (started) expect_usable();
      if (started) arena_.destroy();
      ASSERT_EQ(script().complaint, "") << at << " to " << at + count;
      ASSERT_EQ(script().reserved_bytes(), 0U) << at << " to " << at + count;
      if (!reached) break;
    }
  }
}

TEST_F(ArenaStart, HalvesUntilItFits) {
  // The kernel refuses everything above 100 MiB, as a limit on address space does.
  static constexpr std::size_t kLimit = 100 * kMiB;
  static const Os small = [] {
    Os os = kScripted;
    os.reserve = [](std::uintptr_t hint, std::size_t bytes) -> void* {
      return bytes > kLimit ? nullptr : kScripted.reserve(hint, bytes);
    };
    return os;
  }();
  Random random(1);
  options_.set(OptionId::kArenaGib, 8);
  script().refuse_hints = false;
  // Words and states lie a GiB apart, which is one reservation only where no hint is taken.
  ASSERT_TRUE(arena_.init(small, options_, random));
  EXPECT_EQ(arena_.reserved_bytes(), 64 * kMiB);
  expect_usable();
  arena_.destroy();
  EXPECT_EQ(script().reserved_bytes(), 0U);
}

TEST_F(ArenaStart, HalfOfALimitedAddressSpaceAtMost) {
  options_.set(OptionId::kArenaGib, 1);
  for (const std::size_t limit : {256 * kMiB, 255 * kMiB, 2048 * kMiB, 2047 * kMiB, 64 * kMiB}) {
    script().address_limit = limit;
    Random random(1);
    ASSERT_TRUE(arena_.init(kScripted, options_, random));
    EXPECT_LE(arena_.reserved_bytes(), limit / 2);
    EXPECT_GT(arena_.reserved_bytes() * 4, limit) << "and no less than half of that";
    arena_.destroy();
  }
}

TEST_F(ArenaStart, WithNoAddressSpaceAtAllItSaysSoAndHoldsNothing) {
  script().arm(kCallReserve, 1, ~u64{0} / 2);
  EXPECT_FALSE(start(kArenaBytes));
  EXPECT_EQ(arena_.last_limit(), Limit::kAddressSpace);
  EXPECT_EQ(script().reserved_bytes(), 0U);
  EXPECT_FALSE(arena_.contains(nullptr));
}

TEST_F(ArenaStart, ACommitThatFailsIsTriedSmallerThenRefused) {
  ASSERT_TRUE(start(kArenaBytes));
  // Growth ahead of need is refused, exactly what is needed is not.
  script().arm(kCallCommit, 1, 1);
  expect_usable();
  EXPECT_EQ(script().failed, 1U);
  const u32 before = arena_.frontier();
  for (u64 at = 1; at <= 14; ++at) {
    script().arm(kCallCommit, at, 100);
    bool dirty = false;
    EXPECT_EQ(arena_.take(100, &dirty), kNoSpan) << at;
    EXPECT_EQ(arena_.last_limit(), Limit::kMemory);
    EXPECT_EQ(arena_.frontier(), before);
    EXPECT_TRUE(arena_.verify());
    if (at == 7) break;
  }
  script().disarm();
  expect_usable();
  arena_.destroy();
}

}  // namespace
}  // namespace hak::test
