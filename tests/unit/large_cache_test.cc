// backing/large: freed blocks that are kept, for reuse or withheld from it, and for how long.
#include <vector>

#include "support/large_heap.h"

namespace hak::test {
namespace {

class LargeCache : public LargeTest {};
class LargeCacheWithoutGuards : public LargeWithoutGuards {};

INSTANTIATE_TEST_SUITE_P(Kernels, LargeCache, testing::Bool());
INSTANTIATE_TEST_SUITE_P(Kernels, LargeCacheWithoutGuards, testing::Bool());

TEST_P(LargeCache, L2FreedBlocksAreCachedUpToABoundAndForTheDelay) {
  std::vector<char*> blocks;
  for (int i = 0; i < 40; ++i) blocks.push_back(get(kMiB));
  for (char* p : blocks) put(p);
  EXPECT_GT(heap.large.cached_bytes(), 8 * kMiB);
  EXPECT_LE(heap.large.cached_bytes(), 32 * kMiB);
  EXPECT_HEAP_WHOLE(heap);
  heap.large.purge_cached(false);
  EXPECT_GT(heap.large.cached_bytes(), 0U) << "the delay is not over";
  script().now_ms += heap.options.get(OptionId::kPurgeDelayMs) + 1;
  heap.large.purge_cached(false);
  EXPECT_EQ(heap.large.cached_bytes(), 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_P(LargeCache, WithheldBlocksAreNotReusedBeforeTheDelayIsOver) {
  heap.large.quarantine(true);
  char* first = get(200000);
  put(first);
  char* second = get(200000);
  EXPECT_NE(heap.arena.unit_of(second), heap.arena.unit_of(first));
  EXPECT_GT(heap.large.cached_bytes(), 0U);
  script().now_ms += heap.arena.purge_delay_ms() + 1;
  heap.large.purge_cached(false);
  EXPECT_EQ(heap.large.cached_bytes(), 0U);
  heap.large.quarantine(false);
  put(second);
  const u32 span = heap.arena.span_of(heap.arena.unit_of(second));
  char* third = get(200000);
  EXPECT_EQ(heap.arena.span_of(heap.arena.unit_of(third)), span) << "what is not withheld is reused";
}

TEST_P(LargeCache, WhatIsFreedFasterThanTheDelayPassesIsReusedOpen) {
  heap.large.quarantine(true);
  const auto span_of = [&](char* p) -> const Span& { return heap.span_of(p); };
  constexpr std::size_t kSmall = 200 * kKiB;  // a quarter of a MiB with its guards
  std::vector<char*> blocks;
  for (int i = 0; i < 140; ++i) blocks.push_back(get(kSmall));
  int closed = 0;
  for (char* p : blocks) {
    put(p);
    closed += span_of(p).closed;
    EXPECT_LE(heap.large.cached_bytes(), 32 * kMiB);
  }
  if (!old_kernel) { EXPECT_GT(closed, 80); }
  EXPECT_LE(closed, 28 * 4) << "some of the room is for those that are reused";
  EXPECT_FALSE(span_of(blocks.back()).closed);
  char* next = get(kSmall);
  put(next);
  script().arm(kCallGuard, 0);
  for (int i = 0; i < 100; ++i) {
    char* again = get(kSmall);
    EXPECT_EQ(again, next) << i;
    EXPECT_TRUE(all_bytes(again, kSmall, 0)) << "what was freed before can be read";
    memset(again, i + 1, kSmall);
    put(again);
  }
  EXPECT_EQ(script().calls, 0U) << "closed for nothing";
  // What is too large to be cleared goes at once, and its pages with it.
  char* large = get(kMiB);
  memset(large, 1, kMiB);
  const std::size_t before = heap.large.cached_bytes();
  put(large);
  EXPECT_EQ(heap.large.cached_bytes(), before);
  EXPECT_HEAP_WHOLE(heap);
  // There is room again when the delay is over.
  script().now_ms += heap.arena.purge_delay_ms() + 1;
  heap.large.purge_cached(false);
  EXPECT_EQ(heap.large.cached_bytes(), 0U);
  char* late = get(kMiB);
  EXPECT_TRUE(all_bytes(late, kMiB, 0));
  put(late);
  EXPECT_GT(heap.large.cached_bytes(), 0U);
}

TEST_P(LargeCache, ABlockThatDoesNotFitIsNotClosedFirst) {
  heap.large.quarantine(true);
  std::vector<char*> blocks = {get(100 * kKiB)};
  for (int i = 0; i < 112; ++i) blocks.push_back(get(200 * kKiB));
  char* last = blocks.back();
  blocks.pop_back();
  for (char* p : blocks) put(p);
  ASSERT_EQ(heap.large.cached_bytes(), 28 * kMiB - 2 * kUnitBytes);
  script().arm(kCallGuard, 0);
  put(last);
  EXPECT_EQ(script().calls, 0U);
  EXPECT_EQ(heap.large.cached_bytes(), 28 * kMiB + 2 * kUnitBytes);
}

TEST_P(LargeCache, EachBlockWaitsForItsOwnDelay) {
  const u64 delay = heap.arena.purge_delay_ms();
  char* blocks[] = {get(kMiB), get(kMiB), get(kMiB)};
  for (char* p : blocks) {
    put(p);
    script().now_ms += delay / 4 + 1;
  }
  const std::size_t all = heap.large.cached_bytes();
  const auto after = [&](u64 ms) {
    script().now_ms += ms;
    heap.large.purge_cached(false);
    return heap.large.cached_bytes();
  };
  EXPECT_EQ(after(0), all);
  EXPECT_EQ(after(delay / 4), all / 3 * 2);
  EXPECT_EQ(after(1), all / 3 * 2);
  EXPECT_EQ(after(delay / 4), all / 3);
  EXPECT_EQ(after(delay / 4 + 1), 0U);
}

/// Beside the cached span lies a free one, which the arena would give instead. No longer span is cached
/// than one of 64 units.
TEST_P(LargeCacheWithoutGuards, ACachedSpanIsReusedByABlockThatFillsIt) {
  for (const std::size_t units : {1UL, 2UL, 64UL}) {
    TestHeap bare({.profile = Profile::kFast, .os = &kScripted});
    const auto get_bare = [&] { return bare.large.allocate(units * kUnitBytes, kGranuleBytes, false); };
    const auto put_bare = [&](void* p) { bare.large.release((bare.large.claim(p), p)); };
    void* left = get_bare();
    void* right = get_bare();
    put_bare(left);
    bare.large.purge_cached(true);
    put_bare(right);
    EXPECT_EQ(get_bare(), right) << units;
    EXPECT_EQ(bare.large.cached_bytes(), 0U);
    EXPECT_HEAP_WHOLE(bare);
  }
}

TEST_P(LargeCache, ACachedBlockIsHandedOutOnce) {
  char* p = get(kMiB);
  put(p);
  std::set<char*> seen;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(seen.insert(get(kMiB)).second);
  EXPECT_HEAP_WHOLE(heap);
}

}  // namespace
}  // namespace hak::test
