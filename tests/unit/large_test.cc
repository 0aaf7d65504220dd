// backing/large: place, guards, alignment, resizing, zeroing, and the state that is the authority.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "support/large_heap.h"
#include "support/on_valgrind.h"

namespace hak::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Kernels, LargeTest, testing::Bool());
INSTANTIATE_TEST_SUITE_P(Kernels, LargeWithoutGuards, testing::Bool());

TEST_P(LargeTest, UsableBytesArePagesAndAllOfThemCanBeWritten) {
  for (std::size_t bytes : {std::size_t{1}, kMaxSlabRequest + 1, 64 * kKiB - 1, 64 * kKiB, kMiB + 1}) {
    char* p = get(bytes);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(address_of(p) % kPageBytes, 0U);
    EXPECT_EQ(heap.large.usable_bytes(p), round_up(bytes, kPageBytes));
    memset(p, 0x5a, heap.large.usable_bytes(p));
    EXPECT_TRUE(Validator::is_live_large(heap.arena, p));
    EXPECT_HEAP_WHOLE(heap);
    put(p);
    EXPECT_FALSE(Validator::is_live_large(heap.arena, p));
    EXPECT_HEAP_WHOLE(heap);
  }
}

TEST_P(LargeTest, GuardsOnBothSides) {
  for (std::size_t bytes : {40 * kKiB, 60 * kKiB, 2 * kMiB, 9 * kMiB}) {
    char* p = get(bytes);
    EXPECT_EQ(guarded(p), wants_guards(bytes)) << bytes;
    put(p);
  }
}

TEST_P(LargeTest, GuardsLeaveWithTheBlock) {
  char* p = get(2 * kMiB);
  const u32 unit = heap.unit_of_slot(p);
  const u32 units = heap.arena.span(unit)->units;
  put(p);
  heap.large.purge_cached(true);
  bool dirty = false;
  ASSERT_EQ(heap.arena.take(units, &dirty), unit);
  memset(heap.arena.unit_address(unit), 1, units * kUnitBytes);
}

TEST_P(LargeWithoutGuards, NoGuardsWhereTheProfileHasNone) {
  char* p = get(2 * kMiB);
  EXPECT_FALSE(heap.span_of(p).guarded);
  put(p);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_P(LargeTest, AGuardThatCannotBeHadIsALimitNotAFailure) {
  for (u64 which : {1U, 2U}) {
    script().arm(kCallGuard, which);
    char* p = get(2 * kMiB);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(heap.arena.last_limit(), Limit::kMappings);
    memset(p, 1, 2 * kMiB);
    put(p);
    heap.large.purge_cached(true);
    EXPECT_HEAP_WHOLE(heap);
  }
}

TEST_P(LargeTest, AGuardThatCannotBeOpenedCostsTheSpanOnly) {
  for (u64 which : {1U, 2U}) {
    char* p = get(2 * kMiB);
    put(p);
    script().arm(kCallUnguard, which);
    heap.large.purge_cached(true);
    EXPECT_EQ(script().failed, 1U);
    script().disarm();
    EXPECT_HEAP_WHOLE(heap);
    char* q = get(2 * kMiB);
    memset(q, 1, 2 * kMiB);
    put(q);
    heap.large.purge_cached(true);
    EXPECT_HEAP_WHOLE(heap);
  }
}

TEST_P(LargeTest, PlaceInTheSpanIsRandom) {
  std::set<std::size_t> offsets;
  for (int i = 0; i < 40; ++i) {
    char* p = get(36 * kKiB);
    offsets.insert(address_of(p) % kUnitBytes);
  }
  EXPECT_GT(offsets.size(), 3U);
}

TEST_P(LargeTest, PlacesFollowFromTheSeed) {
  const auto places = [](u64 seed) {
    // On the heap, so that the instances lie at different addresses.
    auto other = std::make_unique<TestHeap>(HeapSetup{.seed = seed});
    std::vector<std::size_t> offsets;
    for (int i = 0; i < 20; ++i)
      offsets.push_back(address_of(other->large.allocate(36 * kKiB, 16, false)) - other->arena.base);
    return std::make_pair(std::move(other), offsets);
  };
  const auto first = places(5), second = places(5), third = places(6);
  EXPECT_EQ(first.second, second.second);
  EXPECT_NE(first.second, third.second);
}

TEST_P(LargeTest, EveryAlignmentUpToFourMegabytes) {
  for (std::size_t alignment = 16; alignment <= 4 * kMiB; alignment *= 2) {
    for (std::size_t bytes : {std::size_t{0}, std::size_t{1}, 40 * kKiB, 100 * kKiB, kMiB}) {
      char* p = get(bytes, alignment);
      ASSERT_NE(p, nullptr) << bytes << " at " << alignment;
      ASSERT_EQ(address_of(p) % alignment, 0U) << bytes << " at " << alignment;
      memset(p, 0x5a, heap.large.usable_bytes(p));
      ASSERT_TRUE(!wants_guards(bytes) || guarded(p)) << bytes << " at " << alignment;
      ASSERT_HEAP_WHOLE(heap);
      put(p);
    }
  }
}

TEST_P(LargeTest, ImpossibleSizesAndAlignmentsAreRefused) {
  for (std::size_t bytes : {kArenaBytes, std::size_t{1} << 40, kMaxRequestBytes, ~std::size_t{0}}) {
    EXPECT_EQ(heap.allocate_large(bytes, 16, false), nullptr) << bytes;
    EXPECT_EQ(heap.allocate_large(bytes, 16, true), nullptr) << bytes;
  }
  for (std::size_t alignment = kArenaBytes; alignment; alignment *= 2)
    EXPECT_EQ(heap.allocate_large(100, alignment, false), nullptr) << alignment;
  EXPECT_HEAP_WHOLE(heap);
}

TEST_P(LargeTest, ZeroMeansZeroWhateverLayThere) {
  for (std::size_t bytes : {40 * kKiB, 900 * kKiB, 3 * kMiB, 6 * kMiB}) {
    for (bool purge_works : {true, false}) {
      for (bool cached : {true, false}) {
        char* p = get(bytes);
        memset(p, 0xff, heap.large.usable_bytes(p));
        put(p);
        if (!purge_works) script().arm(kCallPurge, 1, 1000);
        if (!cached) heap.large.purge_cached(true);
        char* q = get(bytes, 16, true);
        script().disarm();
        EXPECT_TRUE(all_bytes(q, heap.large.usable_bytes(q), 0))
            << bytes << " " << purge_works << " " << cached;
        put(q);
      }
    }
  }
}

TEST_P(LargeTest, AVeryLargeBlockGivesItsPagesBackAtOnce) {
  for (const std::size_t bytes : {33 * kMiB, 32 * kMiB}) {
    char* p = get(bytes);
    ASSERT_NE(p, nullptr);
    memset(p, 0xff, bytes);
    put(p);
    ArenaStats stats;
    heap.arena.stats(&stats);
    EXPECT_EQ(stats.free_dirty_bytes, 0U) << bytes;
    EXPECT_GE(stats.free_clean_bytes, bytes);
  }
}

TEST_P(LargeTest, WithoutGuardsABlockTakesNoMoreUnitsThanItNeeds) {
  TestHeap bare({.profile = Profile::kFast, .os = &kScripted});
  for (const std::size_t units : {1UL, 2UL, 7UL}) {
    void* exact = bare.large.allocate(units * kUnitBytes, kGranuleBytes, false);
    EXPECT_EQ(bare.span_of(exact).units, units);
    void* more = bare.large.allocate(units * kUnitBytes + 1, kGranuleBytes, false);
    EXPECT_EQ(bare.span_of(more).units, units + 1);
  }
}

TEST_P(LargeTest, ClaimIsOncePerLife) {
  char* p = get(kMiB);
  EXPECT_TRUE(heap.large.claim(p));
  EXPECT_FALSE(heap.large.claim(p));
  heap.large.unclaim(p);
  EXPECT_TRUE(heap.large.claim(p));
  heap.large.release(p);
  EXPECT_FALSE(heap.large.claim(p));
}

TEST_P(LargeTest, ResizeInPlaceKeepsContentGuardsAndBooks) {
  char* p = get(100 * kKiB);
  for (std::size_t i = 0; i < 100 * kKiB; ++i) p[i] = static_cast<char>(i % 251);
  for (std::size_t bytes : {200 * kKiB, 2 * kMiB, 150 * kKiB, 40 * kKiB, 100 * kKiB}) {
    ASSERT_TRUE(resize(p, bytes)) << bytes;
    EXPECT_GE(heap.large.usable_bytes(p), bytes);
    EXPECT_LE(heap.large.usable_bytes(p), bytes + bytes / 8 + 2 * kPageBytes);
    EXPECT_EQ(heap.span_of(p).requested_bytes, bytes);
    for (std::size_t i = 0; i < 40 * kKiB; ++i) ASSERT_EQ(p[i], static_cast<char>(i % 251)) << i;
    memset(p + 40 * kKiB, 1, heap.large.usable_bytes(p) - 40 * kKiB);
    if (!old_kernel) {
      EXPECT_TRUE(guarded(p)) << bytes;
    }
    ASSERT_HEAP_WHOLE(heap);
  }
  put(p);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_P(LargeTest, ResizeThatCannotBeChangesNothing) {
  char* p = get(100 * kKiB);
  memset(p, 7, 100 * kKiB);
  char* fence = get(40 * kKiB);
  ASSERT_EQ(heap.unit_of_slot(fence), heap.unit_of_slot(p) + heap.span_of(p).units);
  EXPECT_FALSE(resize(p, kMiB));
  EXPECT_EQ(heap.large.usable_bytes(p), 100 * kKiB);
  EXPECT_TRUE(all_bytes(p, 100 * kKiB, 7));
  if (!old_kernel) {
    EXPECT_TRUE(guarded(p));
  }
  EXPECT_HEAP_WHOLE(heap);
  put(fence);
  heap.large.purge_cached(true);
  EXPECT_TRUE(resize(p, 150 * kKiB)) << "the room is free now";
}

TEST_P(LargeTest, ResizeToTheImpossibleIsRefused) {
  char* p = get(100 * kKiB);
  for (std::size_t bytes : {kArenaBytes, std::size_t{1} << 44, kMaxRequestBytes}) {
    EXPECT_FALSE(resize(p, bytes)) << bytes;
    EXPECT_EQ(heap.large.usable_bytes(p), 100 * kKiB);
    EXPECT_HEAP_WHOLE(heap);
  }
}

TEST_P(LargeTest, PagesMoveInsteadOfBeingCopied) {
  if (on_valgrind()) GTEST_SKIP() << "Valgrind knows no MREMAP_DONTUNMAP";
  char* from = get(2 * kMiB);
  for (std::size_t i = 0; i < 2 * kMiB; i += 511) from[i] = static_cast<char>(i);
  char* to = get(3 * kMiB);
  ASSERT_TRUE(heap.large.move_pages(from, to));
  for (std::size_t i = 0; i < 2 * kMiB; i += 511) ASSERT_EQ(to[i], static_cast<char>(i)) << i;
  memset(to, 1, heap.large.usable_bytes(to));
  memset(from, 2, heap.large.usable_bytes(from));
  EXPECT_TRUE(guarded(from));
  EXPECT_TRUE(guarded(to));
  char* small = get(100 * kKiB);
  EXPECT_FALSE(heap.large.move_pages(small, to)) << "copying is cheaper";
  script().arm(kCallMove, 1);
  EXPECT_FALSE(heap.large.move_pages(from, to)) << "what the kernel refuses is copied";
  script().disarm();
  put(small);
  put(from);
  put(to);
  heap.large.purge_cached(true);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_P(LargeTest, RandomUseAgainstAModel) {
  struct Block { std::size_t bytes; char tag; };
  std::map<char*, Block> blocks;
  Random random(5);
  char tag = 0;
  for (int i = 0; i < 3000; ++i) {
    if (blocks.size() < 30 && random.below(3)) {
      const std::size_t bytes = 33 * kKiB + random.below(random.below(8) ? 300 * kKiB : 4 * kMiB);
      const bool zero = random.below(2) != 0;
      char* p = get(bytes, std::size_t{16} << random.below(12), zero);
      if (!p) continue;
      ASSERT_TRUE(!zero || all_bytes(p, bytes, 0)) << i;
      memset(p, tag = static_cast<char>(tag % 100 + 1), bytes);
      ASSERT_TRUE(blocks.emplace(p, Block{bytes, tag}).second);
    } else if (!blocks.empty()) {
      auto block = blocks.begin();
      std::advance(block, random.below(static_cast<u32>(blocks.size())));
      char* p = block->first;
      ASSERT_TRUE(all_bytes(p, block->second.bytes, block->second.tag)) << i;
      const std::size_t wanted = 33 * kKiB + random.below(500 * kKiB);
      if (random.below(2) && resize(p, wanted)) {
        const std::size_t kept = std::min(wanted, block->second.bytes);
        ASSERT_TRUE(all_bytes(p, kept, block->second.tag)) << i;
        memset(p, block->second.tag, wanted);
        block->second.bytes = wanted;
      } else {
        put(p);
        blocks.erase(block);
      }
    }
    script().now_ms += 20;
    heap.tick();
    if (i % 50 == 0) {
      ASSERT_HEAP_WHOLE(heap);
    }
  }
}

}  // namespace
}  // namespace hak::test
