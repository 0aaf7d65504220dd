// core: magazines M1-M4, refill, exchange and flush, slow start, rest of freed slots, zeroing.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

constexpr std::size_t kBytes = 64;
const unsigned kClass = class_of_bytes(kBytes);

class MagazineTest : public testing::Test {
 protected:
  explicit MagazineTest(const HeapSetup& setup = {})
      : heap(setup), cache(heap.attach()), pair(cache->pair(kClass)) {}

  std::vector<void*> get(std::size_t count, std::size_t bytes = kBytes) {
    std::vector<void*> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(heap.malloc(cache, bytes));
    return out;
  }
  void put(const std::vector<void*>& slots) {
    for (void* p : slots) heap.free(cache, p);
  }
  std::set<void*> resting() const {
    return std::set<void*>(pair.free_top, pair.free_top + free_count(pair));
  }
  std::set<void*> ready() const {
    return std::set<void*>(pair.alloc_top, pair.alloc_top + alloc_count(pair));
  }
  std::set<void*> in_bitmaps() {
    std::set<void*> out;
    for (u32 at = 0; at < heap.arena.frontier(); at += heap.arena.span(at)->units) {
      const Span& slab = *heap.arena.span(at);
      if (slab.kind != SpanKind::kSlab) continue;
      for (u32 slot = 0; slot < slab.carved; ++slot)
        if (heap.arena.free_bits(at)[slot / 64] >> (slot % 64) & 1)
          out.insert(slab_slot_address(slab, slot));
    }
    return out;
  }

  TestHeap heap;
  ThreadCache* cache;
  MagazinePair& pair;
};

TEST_F(MagazineTest, ANewCacheLooksEmptyAndFullEverywhere) {
  for (unsigned c = 0; c < kClassCount; ++c) {
    EXPECT_TRUE(at_boundary(cache->pair(c).alloc_top));
    EXPECT_EQ(cache->pair(c).free_top, cache->pair(c).free_limit);
    EXPECT_EQ(alloc_count(cache->pair(c)), 0U);
    EXPECT_EQ(free_count(cache->pair(c)), 0U);
  }
}

TEST_F(MagazineTest, CapacitiesFitTheBlockAndTheBudget) {
  for (unsigned c = 0; c < kClassCount; ++c) {
    const u32 max = magazine_capacity_max(c);
    EXPECT_GE(max, 2U);
    EXPECT_LE(max, kMagazineSlots);
    const u32 budget = kStrides[c] <= kTinyMaxStride ? kTinyBudgetBytes : kMagazineBudgetBytes;
    EXPECT_TRUE(max == 2 || max * kStrides[c] <= budget) << kStrides[c];
  }
}

TEST_F(MagazineTest, SlowStartDoublesFromFour) {
  std::vector<u32> refills;
  u64 before = cache->counters.refills;
  for (int i = 0; i < 400; ++i) {
    get(1);
    if (cache->counters.refills == before) continue;
    before = cache->counters.refills;
    refills.push_back(alloc_count(pair) + 1);
  }
  const std::vector<u32> first(refills.begin(), refills.begin() + 6);
  EXPECT_EQ(first, (std::vector<u32>{4, 8, 16, 32, 64, 120}));
}

TEST_F(MagazineTest, TheFreeMagazineGrowsLikewise) {
  const std::vector<void*> slots = get(600);
  std::set<u32> capacities;
  for (void* p : slots) {
    heap.free(cache, p);
    capacities.insert(pair.capacity);
  }
  EXPECT_EQ(capacities, (std::set<u32>{4, 8, 16, 32, 64, 120}));
}

/// What an exchange hands out again is in another order than it was freed in. A shuffle of 63 slots
/// leaves some neighbours together.
TEST_F(MagazineTest, FreedSlotsComeBackInAnotherOrder) {
  std::vector<void*> held = get(600);
  std::size_t follow = 0, seen = 0;
  for (int step = 0; step < 6000; ++step) {
    const std::vector<void*> freed(pair.free_top, pair.free_top + free_count(pair));
    const u64 exchanges = cache->counters.exchanges;
    const bool frees = step / 50 % 2 == 0;
    if (frees) {
      heap.free(cache, held[static_cast<std::size_t>(step) % held.size()]);
      held.erase(held.begin() + step % static_cast<int>(held.size()));
    } else {
      held.push_back(heap.malloc(cache, kBytes));
    }
    if (cache->counters.exchanges == exchanges) continue;
    // In the order in which they will be handed out.
    std::vector<void*> order(pair.alloc_top, pair.alloc_top + alloc_count(pair));
    if (!frees) order.insert(order.begin(), held.back());
    for (std::size_t i = 1; i < order.size(); ++i) {
      const auto at = std::find(freed.begin(), freed.end(), order[i - 1]);
      ++seen;
      follow += at != freed.end() && at + 1 != freed.end() && at[1] == order[i];
    }
  }
  EXPECT_GT(seen, 1000U);
  EXPECT_LT(follow * 2, seen) << follow << " of " << seen << " follow each other as they were freed";
}

TEST_F(MagazineTest, LargeClassesHoldTwo) {
  const unsigned last = kClassCount - 1;
  std::vector<void*> slots = get(10, kMaxSlabRequest);
  EXPECT_LE(alloc_count(cache->pair(last)), 2U);
  put(slots);
  EXPECT_LE(free_count(cache->pair(last)), 2U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(MagazineTest, M1M2M3HoldAtEveryStep) {
  std::vector<void*> held;
  Random random(3);
  for (int i = 0; i < 5000; ++i) {
    if (random.below(100) < 55) {
      held.push_back(heap.malloc(cache, kBytes));
    } else if (!held.empty()) {
      const u32 which = random.below(static_cast<u32>(held.size()));
      heap.free(cache, held[which]);
      held[which] = held.back();
      held.pop_back();
    }
    const std::set<void*> a = ready(), f = resting(), h(held.begin(), held.end());
    ASSERT_EQ(a.size(), alloc_count(pair));
    ASSERT_EQ(f.size(), free_count(pair));
    ASSERT_EQ(h.size(), held.size()) << "no slot is handed out twice";
    for (void* p : a) ASSERT_TRUE(!f.count(p) && !h.count(p));
    for (void* p : f) ASSERT_FALSE(h.count(p));
    if (i % 100 == 0) {
      for (void* p : in_bitmaps()) ASSERT_TRUE(!a.count(p) && !f.count(p) && !h.count(p));
      ASSERT_HEAP_WHOLE(heap);
    }
  }
}

TEST_F(MagazineTest, M4AFreedSlotRestsUntilTheExchange) {
  put(get(300));  // magazines at full size
  for (int round = 0; round < 50; ++round) {
    void* p = heap.malloc(cache, kBytes);
    const u64 exchanges = cache->counters.exchanges;
    heap.free(cache, p);
    std::vector<void*> slots;
    while (true) {
      void* q = heap.malloc(cache, kBytes);
      slots.push_back(q);
      if (cache->counters.exchanges != exchanges) break;
      ASSERT_NE(q, p) << "handed out before the magazines were exchanged";
      if (slots.size() > 200) break;
    }
    put(slots);
  }
}

TEST_F(MagazineTest, StatesFollowEveryStep) {
  void* p = heap.malloc(cache, kBytes);
  const u8 header = heap.span_of(p).header;
  EXPECT_EQ(heap.state_of(p), header);
  EXPECT_EQ(byte_of(p, -1), header);
  heap.free(cache, p);
  EXPECT_EQ(heap.state_of(p), with_kind(header, kFreeBits));
  EXPECT_EQ(byte_of(p, -1), header) << "the header byte is constant; the state tells free from live";
}

TEST_F(MagazineTest, FlushPutsTheRestingSlotsIntoTheirSlabs) {
  const std::vector<void*> slots = get(300);
  get(1);  // something is ready, so that a full free magazine is flushed, not exchanged
  const u64 flushes = cache->counters.flushes;
  std::set<void*> freed;
  for (void* p : slots) {
    heap.free(cache, p);
    freed.insert(p);
  }
  EXPECT_GT(cache->counters.flushes, flushes);
  std::set<void*> accounted = in_bitmaps();
  for (void* p : resting()) accounted.insert(p);
  for (void* p : ready()) accounted.insert(p);
  for (void* p : freed) EXPECT_TRUE(accounted.count(p)) << "lost";
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(MagazineTest, AFullFreeMagazineIsExchangedIfAtMostHalfTheOtherIsLeftElseFlushed) {
  put(get(600));
  for (const u32 left : {kMagazineSlots / 2, kMagazineSlots / 2 + 1, kMagazineSlots - 27}) {
    std::vector<void*> held = get(300);
    for (const u64 refills = cache->counters.refills; cache->counters.refills == refills;)
      held.push_back(heap.malloc(cache, kBytes));
    while (alloc_count(pair) > left) held.push_back(heap.malloc(cache, kBytes));
    ASSERT_EQ(alloc_count(pair), left);
    ASSERT_EQ(pair.capacity, kMagazineSlots);
    for (; pair.free_top != pair.free_limit; held.pop_back()) heap.free(cache, held.back());
    const OpCounters before = cache->counters;
    heap.free(cache, held.back());
    held.pop_back();
    const bool exchanged = left * 2 <= kMagazineSlots;
    EXPECT_EQ(cache->counters.exchanges - before.exchanges, exchanged) << left;
    EXPECT_EQ(cache->counters.flushes - before.flushes, !exchanged) << left;
    put(held);
    EXPECT_HEAP_WHOLE(heap);
  }
}

/// As a handler leaves it that came between the look at the top and its move.
TEST_F(MagazineTest, ATopThatWentTooFarIsTakenBack) {
  for (const std::ptrdiff_t by : {1, 3}) {
    put(get(600));
    std::vector<void*> held = get(1);
    while (!at_boundary(pair.alloc_top)) held.push_back(heap.malloc(cache, kBytes));
    void** const end = pair.alloc_top;
    pair.alloc_top += by;
    EXPECT_EQ(alloc_count(pair), 0U);
    const std::set<void*> known(held.begin(), held.end());
    held.push_back(heap.malloc(cache, kBytes));
    EXPECT_FALSE(known.count(held.back())) << "what lies behind the block was handed out";
    for (int i = 0; i < 200; ++i) held.push_back(heap.malloc(cache, kBytes));
    EXPECT_EQ(std::set<void*>(held.begin(), held.end()).size(), held.size());
    put(held);
    held = get(600);
    for (; pair.free_top != pair.free_limit; held.pop_back()) heap.free(cache, held.back());
    pair.free_limit += by;
    const u64 moves = cache->counters.flushes + cache->counters.exchanges;
    heap.free(cache, held.back());
    held.pop_back();
    EXPECT_EQ(cache->counters.flushes + cache->counters.exchanges, moves + 1) << "pushed below the limit";
    EXPECT_EQ(block_end_of(end), end);
    put(held);
    EXPECT_EQ(heap.fault(), "none");
    EXPECT_HEAP_WHOLE(heap);
  }
}

TEST_F(MagazineTest, OrderIsShuffledInHardenedAndByAddressInFast) {
  const auto ascending = [](TestHeap& of) {
    ThreadCache* its = of.attach();
    void* before = nullptr;
    int up = 0;
    for (int i = 0; i < 1000; ++i) {
      void* p = of.malloc(its, kBytes);
      up += p > before;
      before = p;
    }
    return up;
  };
  TestHeap fast({.profile = Profile::kFast});
  EXPECT_GT(ascending(fast), 990);
  const int up = ascending(heap);
  EXPECT_GT(up, 350);
  EXPECT_LT(up, 650);
}

TEST_F(MagazineTest, SameSeedSamePointersOtherSeedOther) {
  const auto offsets = [](u64 seed) {
    TestHeap of({.seed = seed});
    ThreadCache* its = of.attach();
    std::vector<std::size_t> out;
    for (int i = 0; i < 500; ++i) out.push_back(address_of(of.malloc(its, kBytes)) - of.arena.base);
    return out;
  };
  EXPECT_EQ(offsets(9), offsets(9));
  EXPECT_NE(offsets(9), offsets(10));
}

TEST_F(MagazineTest, WithoutMemoryTheRestingSlotsAreServed) {
  script() = Script{};
  TestHeap poor({.os = &kScripted});
  ThreadCache* its = poor.attach();
  std::vector<void*> slots;
  script().arm(kCallCommit, 1, ~u64{0} / 2);
  while (void* p = poor.malloc(its, kBytes)) slots.push_back(p);
  EXPECT_TRUE(slots.empty()) << "nothing was committed before";
  script().disarm();
  for (int i = 0; i < 10; ++i) slots.push_back(poor.malloc(its, kBytes));
  script().arm(kCallCommit, 1, ~u64{0} / 2);
  while (void* p = poor.malloc(its, kBytes)) slots.push_back(p);
  EXPECT_EQ(errno, ENOMEM);
  poor.free(its, slots.back());
  slots.pop_back();
  void* again = poor.malloc(its, kBytes);
  EXPECT_NE(again, nullptr) << "the one that rests is all there is";
  EXPECT_EQ(poor.malloc(its, kBytes), nullptr);
  EXPECT_HEAP_WHOLE(poor);
}

/// Freed content must be gone before the slot is handed out again, whichever way it went.
class ZeroTest : public MagazineTest {
 protected:
  ZeroTest()
      : MagazineTest({.tune = [](Options& options) { options.set(OptionId::kZeroMaxBytes, 128); }}) {}
  /// Frees `count` filled blocks by `release`, then looks for their content in fresh blocks.
  template <typename Release>
  int dirty_after(std::size_t bytes, std::size_t count, Release&& release) {
    std::vector<void*> slots = get(count, bytes);
    for (void* p : slots) memset(p, 'S', bytes);
    for (void* p : slots) release(p);
    int dirty = 0;
    for (void* p : get(4 * count, bytes))
      dirty += std::count(bytes_of(p), bytes_of(p) + bytes, std::byte{'S'}) > 0;
    return dirty;
  }
};

TEST_F(ZeroTest, AfterALocalFree) {
  EXPECT_EQ(dirty_after(kBytes, 200, [&](void* p) { heap.free(cache, p); }), 0);
  EXPECT_EQ(dirty_after(16, 200, [&](void* p) { heap.free(cache, p); }), 0);
  EXPECT_EQ(dirty_after(127, 200, [&](void* p) { heap.free(cache, p); }), 0);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(ZeroTest, AfterAFreeByAnotherThread) {
  ThreadCache* other = heap.attach();
  EXPECT_EQ(dirty_after(kBytes, 200, [&](void* p) { heap.free(other, p); }), 0);
}

TEST_F(ZeroTest, AfterAFreeOfAClassThatTheSlabsServe) {
  heap.options.set(OptionId::kRouteMask, 0);
  EXPECT_EQ(dirty_after(kBytes, 200, [&](void* p) { heap.free(cache, p); }), 0);
}

TEST_F(ZeroTest, AfterTheOwnersExit) {
  std::vector<void*> slots = get(200);
  for (void* p : slots) memset(p, 'S', kBytes);
  put(slots);
  heap.detach(cache);
  cache = heap.attach();
  for (void* p : get(400)) ASSERT_EQ(memchr(p, 'S', kBytes), nullptr);
}

TEST_F(ZeroTest, OnlyUpToTheConfiguredSize) {
  EXPECT_GT(dirty_after(1000, 40, [&](void* p) { heap.free(cache, p); }), 0)
      << "beyond HAKMEM_ZERO_MAX_BYTES the content stays, by contract";
  EXPECT_TRUE(heap.zeroes(class_of_bytes(128)));
  EXPECT_FALSE(heap.zeroes(class_of_bytes(129) + 1));
  TestHeap fast({.profile = Profile::kFast});
  TestHeap paranoid({.profile = Profile::kParanoid});
  EXPECT_FALSE(fast.zeroes(0));
  for (unsigned c = 0; c < kClassCount; ++c) EXPECT_TRUE(paranoid.zeroes(c));
}

}  // namespace
}  // namespace hak::test
