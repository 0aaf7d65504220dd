// backing/large: everything of a large block's span that is not the block is closed, and how much that
// is cannot be foretold.
#include <gtest/gtest.h>

#include <map>

#include "support/test_heap.h"

namespace hak::test {
namespace {

constexpr std::size_t kUnitPages = kUnitBytes / kPageBytes;
/// With one guard page on both sides the block and its guards fill the units exactly.
constexpr std::size_t kTightBytes = (kUnitPages - 2) * kPageBytes;

struct Sides { std::size_t front, behind; };

/// Closed pages on both sides of the block. Fails if a page of the block is closed or another one open.
Sides sides_of(TestHeap& heap, const void* p) {
  const Span& span = heap.span_of(p);
  std::byte* begin = heap.arena.unit_address(heap.unit_of_slot(p));
  Sides sides = {0, 0};
  for (std::size_t page = 0; page < span.units * kUnitPages; ++page) {
    const std::byte* at = begin + page * kPageBytes;
    const bool block = at >= span.start && at < span.start + span.block_bytes;
    EXPECT_EQ(readable(at), block) << "page " << page << " of " << span.units << " units";
    if (!block) ++(at < span.start ? sides.front : sides.behind);
  }
  EXPECT_GE(sides.front, 1U);
  EXPECT_GE(sides.behind, 1U);
  return sides;
}

void put(TestHeap& heap, void* p) {
  ASSERT_TRUE(heap.large.claim(p));
  heap.large.release(p);
}

TEST(LargeGuards, TheRestOfTheSpanIsClosed) {
  TestHeap heap;
  for (std::size_t pages : {9U, 13U, 14U, 15U, 16U, 40U, 300U}) {
    void* p = heap.large.allocate(pages * kPageBytes, kGranuleBytes, false);
    ASSERT_NE(p, nullptr);
    sides_of(heap, p);
    ASSERT_TRUE(heap.large.claim(p));
    for (std::size_t other : {pages + 20, pages + 3, pages / 2, pages}) {
      if (!heap.large.resize(p, other * kPageBytes)) continue;
      sides_of(heap, p);
    }
    heap.large.unclaim(p);
    put(heap, p);
    EXPECT_HEAP_WHOLE(heap);
  }
}

TEST(LargeGuards, ACachedSpanIsClosedAroundItsNextBlock) {
  TestHeap heap;
  for (int i = 0; i < 20; ++i) {
    put(heap, heap.large.allocate(150 * kPageBytes, kGranuleBytes, false));
    void* smaller = heap.large.allocate(149 * kPageBytes, kGranuleBytes, false);
    sides_of(heap, smaller);
    put(heap, smaller);
  }
  EXPECT_HEAP_WHOLE(heap);
}

TEST(LargeGuards, SizeOfAGuardIsRandomWhereTheBlockLeavesNoRoom) {
  TestHeap heap;
  std::map<std::size_t, int> behind, front;
  for (int i = 0; i < 200; ++i) {
    const Sides sides = sides_of(heap, heap.large.allocate(kTightBytes, kGranuleBytes, false));
    ++behind[sides.behind];
    ++front[sides.front];
  }
  // One block in eight draws no page more; all others have a unit more, and 1 to 17 pages on a side.
  // Binomial(200, 1/8): outside of [5, 60] in less than one of a hundred thousand seeds.
  EXPECT_GE(behind[1], 5);
  EXPECT_LE(behind[1], 60);
  EXPECT_GE(behind.size(), 12U);
  EXPECT_GE(front.size(), 12U);
  EXPECT_LE(behind.rbegin()->first, kUnitPages + 1);
}

}  // namespace
}  // namespace hak::test
