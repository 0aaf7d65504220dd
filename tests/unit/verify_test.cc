// core/walk: verify() sees every kind of damage and names the invariant; the walk and the statistics
// count what is there.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "support/test_heap.h"

namespace hak::test {
namespace {

constexpr std::size_t kBytes = 64;

class VerifyTest : public testing::Test {
 protected:
  VerifyTest() : cache(heap.attach()) {
    for (int i = 0; i < 200; ++i) live.push_back(heap.malloc(cache, kBytes));
    for (int i = 0; i < 50; ++i) {
      heap.free(cache, live.back());
      live.pop_back();
    }
    EXPECT_HEAP_WHOLE(heap);
  }
  /// Expects verify() to name `invariant` while the byte is changed, and nothing behind it.
  void expect_named(u8* at, u8 value, const char* invariant) {
    const u8 before = *at;
    *at = value;
    expect_named(invariant);
    *at = before;
    EXPECT_HEAP_WHOLE(heap);
  }
  void expect_named(const char* invariant) {
    const char* broken = heap.verify();
    ASSERT_NE(broken, nullptr) << "not noticed: " << invariant;
    EXPECT_EQ(std::string(broken).substr(0, strlen(invariant)), invariant);
  }
  MagazinePair& pair() { return cache->pair(class_of_bytes(kBytes)); }
  Span& slab() { return heap.span_of(live[0]); }
  u64& bit_word(void* p) {
    return heap.arena.free_bits(heap.unit_of_slot(p))[slab_slot_of(slab(), p) / 64];
  }
  u64 bit(void* p) { return u64{1} << (slab_slot_of(slab(), p) % 64); }

  TestHeap heap;
  ThreadCache* cache;
  std::vector<void*> live;
};

TEST_F(VerifyTest, H1AHeaderByteOfALiveSlot) {
  expect_named(&byte_of(live[10], -1), static_cast<u8>(slab().header ^ 1), "H1");
}

TEST_F(VerifyTest, H1AHeaderByteOfAFreeSlot) {
  void* free_slot = *pair().alloc_top;
  expect_named(&byte_of(free_slot, -1), 0, "H1");
}

TEST_F(VerifyTest, H1TheHeaderBehindTheLastCarvedSlot) {
  expect_named(&byte_of(slab_slot_address(slab(), slab().carved), -1), 0, "H1");
}

TEST_F(VerifyTest, H1AStateWithAnotherKey) {
  u8* state = heap.arena.state_of(live[10]);
  expect_named(state, static_cast<u8>(*state ^ 4), "H1");
}

TEST_F(VerifyTest, S1AFreeStateThatIsNowhere) {
  u8* state = heap.arena.state_of(live[10]);
  expect_named(state, with_kind(*state, kFreeBits), "S1");
}

TEST_F(VerifyTest, S2ALiveSlotInTheBitmap) {
  bit_word(live[0]) |= bit(live[0]);
  ++slab().free_count;
  expect_named("S2");
  bit_word(live[0]) &= ~bit(live[0]);
  --slab().free_count;
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(VerifyTest, S2AWrongCount) {
  ++slab().free_count;
  expect_named("S2");
  slab().free_count -= 2;
  expect_named("S2");
  ++slab().free_count;
}

TEST_F(VerifyTest, S3MoreCarvedThanThereAre) {
  const u32 carved = slab().carved;
  slab().carved = slab().slots + 1;
  expect_named("S3");
  slab().carved = carved;
}

TEST_F(VerifyTest, S3AStateBehindWhatIsCarved) {
  ASSERT_LT(slab().carved, slab().slots);
  expect_named(heap.arena.state_of(slab_slot_address(slab(), slab().carved)), slab().header, "S3");
}

TEST_F(VerifyTest, S3AStateInsideASlot) {
  expect_named(heap.arena.state_of(bytes_of(live[3]) + 16), slab().header, "S3");
}

TEST_F(VerifyTest, M1ASlotOfAnotherClass) {
  void* other = heap.malloc(cache, 500);
  heap.free(cache, other);
  void* kept = *pair().alloc_top;
  *pair().alloc_top = other;
  expect_named("M1");
  *pair().alloc_top = kept;
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(VerifyTest, M1ASlotOfAnotherOwner) {
  ThreadCache* other = heap.attach();
  void* theirs = heap.malloc(other, kBytes);
  heap.free(other, theirs);
  void* kept = *pair().alloc_top;
  *pair().alloc_top = theirs;
  expect_named("M1");
  *pair().alloc_top = kept;
}

TEST_F(VerifyTest, M3ALiveSlotInAMagazine) {
  void* kept = *pair().alloc_top;
  *pair().alloc_top = live[0];
  expect_named("M3");
  *pair().alloc_top = kept;
  ASSERT_GT(free_count(pair()), 0U);
  kept = pair().free_top[0];
  pair().free_top[0] = live[0];
  expect_named("M3");
  pair().free_top[0] = kept;
}

TEST_F(VerifyTest, M3ASlotInAMagazineAndInTheBitmap) {
  void* p = *pair().alloc_top;
  ASSERT_EQ(heap.unit_of_slot(p), heap.unit_of_slot(live[0]));
  bit_word(p) |= bit(p);
  ++slab().free_count;
  expect_named("M3");
  bit_word(p) &= ~bit(p);
  --slab().free_count;
}

TEST_F(VerifyTest, M3ASlotTwiceInMagazines) {
  ASSERT_GT(free_count(pair()), 0U);
  void* kept = *pair().alloc_top;
  *pair().alloc_top = pair().free_top[0];
  expect_named("M3");
  *pair().alloc_top = kept;
}

TEST_F(VerifyTest, S2ABitBehindWhatIsCarved) {
  ASSERT_LT(slab().carved + 64, slab().slots);
  u64* bits = heap.arena.free_bits(heap.unit_of_slot(live[0]));
  for (u32 slot : {slab().carved, slab().carved | 63, slab().slots - 1}) {
    if (slot < slab().carved) continue;
    bits[slot / 64] ^= u64{1} << (slot % 64);
    expect_named("S2");
    bits[slot / 64] ^= u64{1} << (slot % 64);
    EXPECT_HEAP_WHOLE(heap);
  }
}

TEST_F(VerifyTest, M3InTheFirstClassAndInTheLast) {
  for (std::size_t bytes : {std::size_t{1}, kMaxSlabRequest}) {
    void* held = heap.malloc(cache, bytes);
    MagazinePair& of = cache->pair(class_of_bytes(bytes));
    ASSERT_GT(alloc_count(of), 0U);
    void* kept = *of.alloc_top;
    *of.alloc_top = held;
    expect_named("M3");
    *of.alloc_top = kept;
    EXPECT_HEAP_WHOLE(heap);
  }
}

TEST_F(VerifyTest, R1ARemoteStateWithoutItsBit) {
  u8* state = heap.arena.state_of(live[10]);
  expect_named(state, with_kind(*state, kRemoteBits), "R1");
}

TEST_F(VerifyTest, L1ALargeBlockWhoseStateIsGone) {
  void* p = heap.malloc(cache, 100000);
  expect_named(heap.arena.state_of(p), kNotASlot, "L1");
}

TEST_F(VerifyTest, A1SpansThatDoNotCoverTheArena) {
  Span& span = slab();
  ++span.units;
  expect_named("A1");
  --span.units;
}

TEST_F(VerifyTest, TheWalkVisitsEveryLiveBlockOnceWithItsUsableSize) {
  std::map<void*, std::size_t> expected, seen;
  for (void* p : live) expected[p] = heap.usable(p);
  for (std::size_t bytes : {1UL, 1000UL, 20000UL, 40000UL, 3000000UL}) {
    void* p = heap.malloc(cache, bytes);
    expected[p] = heap.usable(p);
    heap.free(cache, heap.malloc(cache, bytes));
  }
  void* remote = heap.malloc(cache, kBytes);
  heap.free(heap.attach(), remote);
  walk_live(
      heap,
      [](void* block, std::size_t usable, void* context) {
        auto& out = *static_cast<std::map<void*, std::size_t>*>(context);
        EXPECT_TRUE(out.emplace(block, usable).second) << "visited twice";
      },
      &seen);
  EXPECT_EQ(seen, expected);
}

TEST_F(VerifyTest, StatisticsAddUp) {
  ThreadCache* other = heap.attach();
  for (int i = 0; i < 30; ++i) heap.free(other, live[static_cast<std::size_t>(i)]);
  void* large = heap.malloc(cache, 100000);
  const HeapStats stats = heap.stats();
  EXPECT_EQ(stats.live_blocks, live.size() - 30 + 1);
  EXPECT_EQ(stats.live_bytes, (live.size() - 30) * heap.usable(live[40]) + heap.usable(large));
  EXPECT_EQ(stats.remote_blocks, 30U);
  EXPECT_EQ(stats.threads, 2U);
  EXPECT_EQ(stats.counters.remote_frees, 30U);
  EXPECT_EQ(stats.arena.large_count, 1U);
  EXPECT_EQ(stats.arena.reserved_bytes, kArenaBytes);
  EXPECT_EQ(stats.arena.slab_bytes, kUnitBytes);
  // S1 for the one slab there is.
  EXPECT_EQ(live.size() + stats.cached_blocks + stats.slab_free_blocks, slab().carved);
}

TEST(Stats, EveryCountsExactly) {
  TestHeap heap;
  for (unsigned index = 0; index < kPolicyCount; ++index) {
    if (policy_at(index).stats != Stats::kEvery) continue;
    heap.use(policy_at(index));
    ThreadCache* cache = heap.attach();
    ThreadCache* other = heap.attach();
    const OpCounters before = heap.stats().counters;
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < 1000; ++i) blocks.push_back(heap.malloc(cache, i * 50));
    blocks.push_back(heap.calloc(cache, 10, 10000));
    blocks.push_back(heap.calloc(cache, 10, 10));
    blocks.push_back(heap.aligned(cache, 4096, 100000));
    blocks.push_back(heap.aligned(cache, 64, 64));
    for (std::size_t i = 0; i < blocks.size(); ++i) heap.free(i % 5 ? cache : other, blocks[i]);
    const OpCounters after = heap.stats().counters;
    EXPECT_EQ(after.mallocs - before.mallocs, blocks.size()) << "policy " << index;
    EXPECT_EQ(after.frees - before.frees, blocks.size()) << "policy " << index;
    heap.detach(cache);
    heap.detach(other);
    EXPECT_EQ(heap.stats().counters.mallocs, after.mallocs) << "exited threads' counts are kept";
  }
}

/// Bursts of random length, so that magazines are refilled, exchanged from both sides, and flushed.
TEST(Stats, SampledIsExactButForWhatMagazinesHoldAndOffIsZero) {
  for (unsigned index = 0; index < kPolicyCount; ++index) {
    if (policy_at(index).stats == Stats::kEvery) continue;
    TestHeap heap({.arena_bytes = std::size_t{32} << 20, .policy = policy_at(index)});
    ThreadCache* cache = heap.attach();
    std::vector<void*> blocks;
    Random random(7);
    std::size_t mallocs = 0, frees = 0;
    for (int burst = 0; burst < 400; ++burst) {
      const u32 count = 1 + random.below(random.below(2) ? 300 : 8);
      const bool fills = random.below(2) != 0;
      for (u32 i = 0; i < count; ++i) {
        if (fills || blocks.empty()) {
          blocks.push_back(heap.malloc(cache, burst % 3 ? kBytes : 3000));
          ++mallocs;
        } else {
          heap.free(cache, blocks.back());
          blocks.pop_back();
          ++frees;
        }
      }
      std::size_t ready = 0, resting = 0;
      for (const MagazinePair& pair : cache->pairs) ready += alloc_count(pair), resting += free_count(pair);
      const OpCounters counters = heap.stats().counters;
      const bool off = policy_at(index).stats == Stats::kOff;
      ASSERT_EQ(counters.mallocs, off ? 0 : mallocs + ready) << "policy " << index << ", burst " << burst;
      ASSERT_EQ(counters.frees, off ? 0 : frees - resting) << "policy " << index << ", burst " << burst;
    }
    const OpCounters counters = heap.stats().counters;
    EXPECT_GT(counters.refills, 10U);
    EXPECT_GT(counters.flushes, 10U);
    EXPECT_GT(counters.exchanges, 10U);
  }
}

}  // namespace
}  // namespace hak::test
