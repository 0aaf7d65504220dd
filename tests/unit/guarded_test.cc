// backing/guarded and core/sample: blocks on pages of their own, and that every call knows them.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

constexpr u32 kSlots = 8;

/// On a kernel where guards are free, and on one where each costs mappings; every refill is sampled.
class GuardedTest : public testing::TestWithParam<bool> {
 protected:
  GuardedTest() : old_kernel(reset()), heap({.profile = Profile::kHardened, .os = &kScripted}) {
    heap.enable_sampling(1, kSlots);
    cache = heap.attach();
  }
  ~GuardedTest() override { EXPECT_EQ(script().complaint, ""); }
  static bool reset() {
    script() = Script{};
    return script().old_kernel = GetParam();
  }
  /// A sampled block. The magazine of its class is emptied first, so that the next call refills.
  char* get(std::size_t bytes) {
    for (int i = 0; i < 200; ++i) {
      auto* p = static_cast<char*>(heap.malloc(cache, bytes));
      if (heap.span_of(p).sample) return p;
    }
    ADD_FAILURE() << "nothing was sampled";
    return nullptr;
  }
  bool sampled(void* p) { return p && heap.span_of(p).sample != 0; }

  bool old_kernel;
  TestHeap heap;
  ThreadCache* cache;
};
INSTANTIATE_TEST_SUITE_P(Kernels, GuardedTest, testing::Bool());

TEST_P(GuardedTest, P1PagesAreOpenWhileTheBlockLives) {
  for (std::size_t bytes : {0UL, 1UL, 15UL, 16UL, 100UL, 1024UL, 4096UL, 5000UL, 32783UL}) {
    char* p = get(bytes);
    const std::size_t size = bytes ? bytes : 1;
    EXPECT_EQ(heap.usable(p), size);
    EXPECT_EQ(address_of(p) % kGranuleBytes, 0U);
    memset(p, 0x5a, size);
    const char* first = p - address_of(p) % kPageBytes;
    const char* end = reinterpret_cast<const char*>(round_up(address_of(p) + size, kPageBytes));
    EXPECT_FALSE(readable(first - 1));
    EXPECT_FALSE(readable(end));
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "none") << bytes;
    for (const char* at = first; at < end; at += kPageBytes) EXPECT_FALSE(readable(at));
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "double-free") << bytes;
    EXPECT_NE(heap.last.alloc_depth, 0U);
    EXPECT_NE(heap.last.free_depth, 0U);
    EXPECT_EQ(heap.last.free_thread, thread_id());
    EXPECT_HEAP_WHOLE(heap);
  }
}

TEST_P(GuardedTest, P1ABlockLiesAnywhereButOnTheFirstAndLastPageOfItsUnit) {
  std::set<std::size_t> pages;
  for (int i = 0; i < 300; ++i) {
    char* p = get(100);
    const std::byte* unit = heap.arena.unit_address(heap.unit_of_slot(p));
    ASSERT_FALSE(readable(unit));
    ASSERT_FALSE(readable(unit + kUnitBytes - kPageBytes));
    pages.insert(static_cast<std::size_t>(bytes_of(p) - unit) / kPageBytes);
    heap.free(cache, p);
  }
  // That one of the fourteen is never drawn happens with less than one seed of a hundred million.
  EXPECT_EQ(pages.size(), kUnitBytes / kPageBytes - 2);
}

TEST_P(GuardedTest, ASlotThatTheKernelWillNotOpenServesALaterBlock) {
  const auto allocate = [&] { return heap.guarded.allocate(100, kGranuleBytes, class_of_bytes(100), Trace{}); };
  script().arm(kCallUnguard, 1, 2 * kSlots);
  for (u32 i = 0; i < 2 * kSlots; ++i) EXPECT_EQ(allocate(), nullptr);
  script().disarm();
  EXPECT_EQ(heap.arena.last_limit(), Limit::kMappings);
  std::set<u32> units;
  for (u32 i = 0; i < kSlots; ++i) {
    void* p = allocate();
    ASSERT_NE(p, nullptr) << "slot " << i << " is lost";
    memset(p, 1, 100);
    units.insert(heap.unit_of_slot(p));
  }
  EXPECT_EQ(units.size(), kSlots);
  EXPECT_EQ(allocate(), nullptr) << "there are no more";
  EXPECT_HEAP_WHOLE(heap);
}

TEST_P(GuardedTest, P2EveryByteBesideTheBlockIsChecked) {
  for (int round = 0; round < 8; ++round) {
    char* p = get(100);
    const std::size_t page = address_of(p) % kPageBytes;
    const auto first = -static_cast<std::ptrdiff_t>(page);
    const auto end = static_cast<std::ptrdiff_t>(kPageBytes - page);
    for (std::ptrdiff_t at = first; at < end; at += at > -20 && at < 120 ? 1 : 61) {
      if (at >= 0 && at < 100) continue;
      const u8 canary = byte_of(p, at);
      byte_of(p, at) = static_cast<u8>(canary + 1);
      const char* fault = at < 0 ? "underflow" : "overflow";
      heap.free(cache, p);
      ASSERT_EQ(heap.fault(), fault) << at;
      EXPECT_EQ(heap.last.ptr, p + at);
      EXPECT_EQ(heap.last.header_expected, canary);
      EXPECT_EQ(heap.realloc(cache, p, 200), nullptr);
      ASSERT_EQ(heap.fault(), fault) << at;
      byte_of(p, at) = canary;
    }
    EXPECT_EQ(byte_of(p, 100) == 0, false) << "a terminating zero must not look right";
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "none");
  }
}

TEST_P(GuardedTest, EveryCallKnowsTheBlock) {
  char* p = get(100);
  heap.free(cache, p + 16);
  EXPECT_EQ(heap.fault(), "interior-pointer");
  heap.free(cache, p + 1);
  EXPECT_EQ(heap.fault(), "misaligned-pointer");
  heap.free_sized(cache, p, 101);
  EXPECT_EQ(heap.fault(), "size-mismatch");
  memset(p, 0x21, 100);
  std::set<std::pair<void*, std::size_t>> seen;
  walk_live(heap, [](void* block, std::size_t bytes, void* context) {
    static_cast<decltype(seen)*>(context)->insert({block, bytes});
  }, &seen);
  EXPECT_TRUE(seen.count({p, 100}));
  auto* q = static_cast<char*>(heap.realloc(cache, p, 150));
  EXPECT_TRUE(all_bytes(q, 100, 0x21));
  EXPECT_EQ(heap.fault(), "none");
  heap.free(cache, p);
  EXPECT_EQ(heap.fault(), "double-free");
  // Far beyond what a slot holds.
  char* grown = get(1000);
  memset(grown, 0x22, 1000);
  auto* large = static_cast<char*>(heap.realloc(cache, grown, 3 << 20));
  EXPECT_TRUE(all_bytes(large, 1000, 0x22));
  heap.free(cache, large);
  heap.free_sized(cache, get(77), 77);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_HEAP_WHOLE(heap);
}

TEST_P(GuardedTest, AlignedFormsKeepTheirPromise) {
  int count = 0;
  for (int i = 0; i < 400 && count < 20; ++i) {
    const std::size_t alignment = std::size_t{32} << i % 8;
    const std::size_t bytes = alignment + static_cast<std::size_t>(i % 50);
    void* p = heap.aligned(cache, alignment, bytes);
    EXPECT_EQ(address_of(p) % alignment, 0U);
    EXPECT_GE(heap.usable(p), bytes);
    count += sampled(p);
    heap.free_sized(cache, p, bytes, alignment);
    ASSERT_EQ(heap.fault(), "none") << alignment << " " << bytes;
  }
  EXPECT_EQ(count, 20);
}

TEST_P(GuardedTest, ThePoolIsBoundedAndFirstInFirstOut) {
  std::vector<char*> held;
  for (u32 i = 0; i < kSlots; ++i) held.push_back(get(3000));
  // All slots hold live blocks: the ordinary path serves what follows.
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(sampled(heap.malloc(cache, 3000)));
  std::vector<u32> order;
  for (u32 i : {3U, 0U, 5U}) {
    order.push_back(heap.unit_of_slot(held[i]));
    heap.free(cache, held[i]);
  }
  for (u32 unit : order) EXPECT_EQ(heap.unit_of_slot(get(3000)), unit) << "the one freed first";
  EXPECT_HEAP_WHOLE(heap);
}

TEST_P(GuardedTest, AKernelThatRefusesCostsTheSampleOnly) {
  script().arm(kCallGuard, 1, ~u64{0});
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(sampled(heap.malloc(cache, 500)));
  script().disarm();
  char* p = get(500);
  script().arm(kCallGuard, 1);
  heap.free(cache, p);
  script().disarm();
  EXPECT_EQ(heap.fault(), "none");
  heap.free(cache, p);
  EXPECT_EQ(heap.fault(), "double-free");
  script().arm(kCallUnguard, 1, ~u64{0});
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(sampled(heap.malloc(cache, 500)));
  script().disarm();
  EXPECT_HEAP_WHOLE(heap);
}

TEST_P(GuardedTest, WhatAnAccessDidWrong) {
  char* p = get(100);
  FaultRecord record;
  const char* guard = reinterpret_cast<const char*>(round_up(address_of(p) + 100, kPageBytes));
  EXPECT_EQ(Validator::diagnose_access(heap, guard, &record), Fault::kOutOfBounds);
  EXPECT_EQ(record.block_begin, p);
  heap.free(cache, p);
  EXPECT_EQ(Validator::diagnose_access(heap, p + 8, &record), Fault::kUseAfterFree);
  int local = 0;
  EXPECT_EQ(Validator::diagnose_access(heap, &local, &record), Fault::kNone);
}

TEST(Sampling, FastNeverSamplesAndZeroMeansNever) {
  TestHeap heap;
  heap.enable_sampling(0, kSlots);
  ThreadCache* cache = heap.attach();
  for (int i = 0; i < 20000; ++i) {
    void* p = heap.malloc(cache, 64);
    EXPECT_EQ(heap.span_of(p).sample, 0);
  }
}

}  // namespace
}  // namespace hak::test
