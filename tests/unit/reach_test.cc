// core/reach: which blocks a word reaches, what is looked at in turn, and what is left.
#include "core/reach.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/test_heap.h"

namespace hak::test {
namespace {

class ReachTest : public testing::TestWithParam<bool> {
 protected:
  ReachTest() : heap({.tracked = GetParam()}), cache(heap.attach()), reach(heap) {}

  std::byte* get(std::size_t bytes) {
    void* p = heap.calloc(cache, 1, bytes);
    all.push_back(p);
    return bytes_of(p);
  }
  static void point(std::byte* from, const void* to) { memcpy(from, &to, sizeof to); }
  /// Marks from these words on. What is then lost.
  std::vector<void*> lost_but_for(const std::vector<const void*>& words) {
    EXPECT_TRUE(reach.begin());
    for (const void* word : words) reach.word(address_of(word));
    for (Reach::Block block; reach.next(&block); ++given) {
      EXPECT_EQ(block.steady, heap.span_of(block.at).kind == SpanKind::kSlab);
      for (std::size_t i = 0; i < block.bytes / sizeof(void*); ++i)
        reach.word(reinterpret_cast<const std::uintptr_t*>(block.at)[i]);
    }
    std::vector<void*> lost;
    std::copy_if(all.begin(), all.end(), std::back_inserter(lost), [&](void* p) { return reach.lost(p); });
    return lost;
  }
  using Blocks = std::vector<void*>;

  TestHeap heap;
  ThreadCache* cache;
  Reach reach;
  Blocks all;
  std::size_t given = 0;
};

INSTANTIATE_TEST_SUITE_P(Records, ReachTest, testing::Bool(),
                         [](const auto& test) { return test.param ? "tracked" : "plain"; });

constexpr std::size_t kSizes[] = {1, 15, 16, 100, 255, 1024, 32784, 40000, 300000, 5000000};

TEST_P(ReachTest, EveryByteOfABlockReachesItAndNoneBeside) {
  for (const std::size_t bytes : kSizes) {
    std::byte* p = get(bytes);
    const std::size_t end = GetParam() ? bytes : heap.usable(p);
    for (const std::size_t inside : {std::size_t{0}, end / 2, end - 1}) {
      Reach again(heap);
      ASSERT_TRUE(again.begin());
      again.word(address_of(p) - 1);
      again.word(address_of(p) + end);
      EXPECT_TRUE(again.lost(p)) << bytes;
      again.word(address_of(p) + inside);
      EXPECT_FALSE(again.lost(p)) << bytes << " + " << inside;
    }
  }
}

TEST_P(ReachTest, NothingIsReachedFromOutside) {
  get(100);
  get(100000);
  EXPECT_EQ(lost_but_for({nullptr, heap.arena.unit_address(0), heap.arena.unit_address(heap.arena.frontier()),
                          heap.arena.spans(), cache, reinterpret_cast<void*>(~std::uintptr_t{0})}),
            all);
  EXPECT_EQ(given, 0U);
}

TEST_P(ReachTest, AChainIsFollowedThroughBlocksOfEverySize) {
  std::byte* before = nullptr;
  for (int round = 0; round < 200; ++round)
    for (const std::size_t bytes : {8UL, 40UL, 500UL, 70000UL}) {
      if (bytes == 70000 && round % 50) continue;
      std::byte* p = get(bytes);
      point(p + (bytes / 8 - 1) * 8, before);
      before = p;
    }
  std::byte* apart = get(100);
  EXPECT_EQ(lost_but_for({before}), Blocks{apart});
  EXPECT_EQ(given, all.size() - 1) << "each block is given once";
}

TEST_P(ReachTest, ACycleIsLostAsAWhole) {
  std::byte *one = get(32), *other = get(64), *kept = get(32), *back = get(64);
  point(one, other);
  point(other + 56, one);
  point(kept, back);
  point(back, kept);
  EXPECT_EQ(lost_but_for({kept}), (Blocks{one, other}));
}

TEST_P(ReachTest, FreedBlocksReachNothing) {
  for (const std::size_t bytes : {64UL, 100000UL}) {
    std::byte *holder = get(bytes), *held = get(24);
    point(holder, held);
    heap.free(cache, holder);
    Reach again(heap);
    ASSERT_TRUE(again.begin());
    again.word(address_of(holder));
    Reach::Block block;
    EXPECT_FALSE(again.next(&block));
    EXPECT_FALSE(again.lost(holder)) << "it is not live";
    EXPECT_TRUE(again.lost(held));
  }
}

TEST_P(ReachTest, FreeSpansHoldNothing) {
  std::byte* held = get(24);
  std::byte* gone = bytes_of(heap.malloc(cache, 5000000));
  std::byte* above = get(5000000);
  heap.free(cache, gone);
  heap.purge(cache);
  std::byte* below = get(1000000);  // what is left of the span has a first unit that never was one
  std::vector<const void*> words;
  for (std::byte* at = gone; at < above; at += kUnitBytes)
    if (at < below || at >= below + 1000000) words.push_back(at);
  EXPECT_LT(below, above);
  EXPECT_GT(words.size(), 50U);
  EXPECT_EQ(lost_but_for(words), (Blocks{held, above, below}));
}

TEST_P(ReachTest, WhatCameLaterIsNotLost) {
  std::byte* before = get(100);
  ASSERT_TRUE(reach.begin());
  std::byte *later = get(100), *large = get(50000000);
  EXPECT_TRUE(reach.lost(before));
  EXPECT_FALSE(reach.lost(later));
  EXPECT_FALSE(reach.lost(large));
  reach.word(address_of(large));
}

TEST_P(ReachTest, BlocksOfNoBytesAreReachedByTheirStart) {
  std::byte *one = get(0), *other = get(0);
  EXPECT_EQ(lost_but_for({one}), Blocks{other});
}

TEST_P(ReachTest, GuardSlotsAreBlocks) {
  heap.enable_sampling(1, 8);
  std::byte *kept = bytes_of(allocate_sampled(heap, *cache, 40)), *lost = bytes_of(allocate_sampled(heap, *cache, 40));
  ASSERT_TRUE(kept && lost);
  all = {kept, lost};
  EXPECT_EQ(lost_but_for({kept + 39, lost + 40, lost - 1}), Blocks{lost});
}

TEST_P(ReachTest, WithoutMemoryItSaysSo) {
  TestHeap small({.os = &kScripted, .tracked = GetParam()});
  ThreadCache* own = small.attach();
  ASSERT_NE(small.malloc(own, 100), nullptr);
  for (const Call call : {kCallReserve, kCallCommit}) {
    const std::size_t before = script().reserved.size();
    {
      Reach refused(small);
      script().arm(call, 1);
      EXPECT_FALSE(refused.begin());
      script().disarm();
    }
    EXPECT_EQ(script().reserved.size(), before);
  }
  EXPECT_EQ(script().complaint, "");
}

/// Of each unit two bits a granule, two numbers and a bool. The size is rounded up to pages: what is missing
/// shows in some sizes of the heap only.
TEST_P(ReachTest, ThereIsRoomForEveryUnit) {
  TestHeap growing({.os = &kScripted, .tracked = GetParam()});
  ThreadCache* own = growing.attach();
  for (u32 before = 0; growing.arena.frontier() < 640;) {
    ASSERT_NE(growing.malloc(own, 40000), nullptr);
    const u32 units = growing.arena.frontier();
    if (units == before) continue;
    before = units;
    Reach again(growing);
    ASSERT_TRUE(again.begin());
    std::size_t room = 0;
    again.each_range([&](const void*, std::size_t bytes) { room += bytes; });
    ASSERT_GE(room, units * (2 * kGranulesPerUnit / 8 + 2 * sizeof(u32) + sizeof(bool))) << units;
  }
}

TEST_P(ReachTest, TheHeapKnowsAllThatItReserved) {
  TestHeap small({.os = &kScripted, .tracked = GetParam()});
  ASSERT_TRUE(small.started);
  small.enable_sampling(1, 8);
  ThreadCache* own = small.attach();
  small.attach();
  small.records.withhold_slots(GetParam() ? 8 : 0);
  small.free(own, small.malloc(own, 100));
  ASSERT_GT(script().reserved.size(), 8U);
  std::map<std::uintptr_t, std::uintptr_t> known;
  each_own_range(small, [&](const void* at, std::size_t bytes) { known[address_of(at)] = address_of(at) + bytes; });
  for (const auto& [at, bytes] : script().reserved) {
    // Of a cache's range the pages without access may be left out.
    const bool found = std::any_of(known.begin(), known.end(), [&, from = at, to = at + bytes](const auto& range) {
      return range.first <= from + kPageBytes && range.second >= to - kPageBytes;
    });
    EXPECT_TRUE(found) << "a range of " << bytes << " bytes";
  }
}

}  // namespace
}  // namespace hak::test
