// core/heap_core: attaching and detaching threads, retired slabs, purge, ticks, the child of fork.
#include <gtest/gtest.h>

#include <set>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

constexpr std::size_t kBytes = 200;

class CacheTest : public testing::Test {
 protected:
  CacheTest() : reset_((script() = Script{}, 0)), heap({.os = &kScripted}) {}
  ~CacheTest() override { EXPECT_EQ(script().complaint, ""); }
  std::vector<void*> get(ThreadCache* cache, std::size_t count, std::size_t bytes = kBytes) {
    std::vector<void*> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(heap.malloc(cache, bytes));
    return out;
  }
  void put(ThreadCache* cache, const std::vector<void*>& slots) {
    for (void* p : slots) heap.free(cache, p);
  }

  int reset_;
  TestHeap heap;
};

TEST_F(CacheTest, CachesAreReusedAndCounted) {
  ThreadCache* a = heap.attach();
  ThreadCache* b = heap.attach();
  EXPECT_NE(a, b);
  EXPECT_NE(a->id, b->id);
  EXPECT_EQ(heap.stats().threads, 2U);
  heap.detach(a);
  EXPECT_EQ(heap.stats().threads, 1U);
  EXPECT_EQ(heap.attach(), a) << "what an exited thread left is used again";
  EXPECT_EQ(heap.cache_count, 2U);
}

TEST_F(CacheTest, WhatAnEndedThreadCountedIsKept) {
  ThreadCache* cache = heap.attach();
  ThreadCache* other = heap.attach();
  for (int round = 0; round < 3; ++round) put(cache, get(cache, 500));
  put(other, get(cache, 100));
  get(cache, 300);
  const OpCounters before = heap.stats().counters;
  EXPECT_GT(before.refills, 0U);
  EXPECT_GT(before.flushes, 0U);
  EXPECT_GT(before.exchanges, 0U);
  EXPECT_GT(before.remote_frees, 0U);
  heap.detach(cache);
  heap.detach(other);
  const OpCounters after = heap.stats().counters;
  EXPECT_EQ(after.mallocs, before.mallocs);
  EXPECT_EQ(after.frees, before.frees);
  EXPECT_EQ(after.refills, before.refills);
  EXPECT_EQ(after.flushes, before.flushes);
  EXPECT_EQ(after.exchanges, before.exchanges);
  EXPECT_EQ(after.remote_frees, before.remote_frees);
}

TEST_F(CacheTest, AReusedCacheStartsClean) {
  ThreadCache* cache = heap.attach();
  put(cache, get(cache, 500));
  cache->in_slow = true;  // as a thread that fork stopped in a slow path leaves it
  heap.detach(cache, true);
  cache = heap.attach();
  EXPECT_FALSE(cache->in_slow) << "or every slow path of the new thread is taken for a reentry";
  for (unsigned c = 0; c < kClassCount; ++c) {
    EXPECT_TRUE(at_boundary(cache->pair(c).alloc_top));
    EXPECT_EQ(cache->pair(c).free_top, cache->pair(c).free_limit);
    EXPECT_TRUE(cache->slabs[c].available.empty());
    EXPECT_TRUE(cache->slabs[c].full.empty());
  }
  EXPECT_EQ(cache->counters.refills, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(CacheTest, ThreadsDrawFromTheirOwnStreams) {
  std::set<u64> first;
  for (int i = 0; i < 16; ++i) first.insert(heap.attach()->random.next());
  EXPECT_EQ(first.size(), 16U);
  ThreadCache* cache = heap.attach();
  const u64 before = cache->random.next();
  heap.detach(cache);
  EXPECT_NE(heap.attach()->random.next(), before) << "nor does a later thread repeat the stream";
}

TEST_F(CacheTest, WithoutMemoryThereIsNoCacheAndNoHarm) {
  for (unsigned kind : {kCallReserve, kCallCommit}) {
    const std::size_t reserved = script().reserved_bytes();
    script().arm(kind, 1, ~u64{0} / 2);
    EXPECT_EQ(heap.attach(), nullptr);
    script().disarm();
    EXPECT_EQ(script().reserved_bytes(), reserved);
  }
  EXPECT_NE(heap.attach(), nullptr);
}

TEST_F(CacheTest, DestroyGivesTheCachesBack) {
  {
    TestHeap other({.os = &kScripted, .arena_bytes = kArenaBytes});
    for (int i = 0; i < 5; ++i) get(other.attach(), 0);
  }
  const std::size_t reserved = script().reserved_bytes();
  {
    TestHeap other({.os = &kScripted, .arena_bytes = kArenaBytes});
    for (int i = 0; i < 5; ++i) other.malloc(other.attach(), 100);
  }
  EXPECT_EQ(script().reserved_bytes(), reserved);
}

TEST_F(CacheTest, EmptySlabsAreRetiredButForAFewPerClass) {
  ThreadCache* cache = heap.attach();
  const std::vector<void*> slots = get(cache, 4000);
  const std::size_t peak = heap.stats().arena.slab_bytes;
  put(cache, slots);
  EXPECT_LT(heap.stats().arena.slab_bytes, peak) << "what the magazines hold no slot of is gone";
  u32 empty = 0;
  for (u32 at = 0; at < heap.arena.frontier(); at += heap.arena.span(at)->units) {
    const Span& span = *heap.arena.span(at);
    empty += span.kind == SpanKind::kSlab && span.free_count == span.carved;
  }
  EXPECT_LE(empty, kEmptySlabUnits) << "one unit each";
  EXPECT_EQ(empty, cache->slabs[class_of_bytes(kBytes)].empty_count);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(CacheTest, PurgeOfOneselfGivesEverythingBack) {
  ThreadCache* cache = heap.attach();
  put(cache, get(cache, 4000));
  put(cache, get(cache, 20, 100000));
  EXPECT_TRUE(heap.purge(cache));
  const HeapStats stats = heap.stats();
  EXPECT_EQ(stats.arena.slab_bytes, 0U);
  EXPECT_EQ(stats.arena.large_bytes + stats.arena.large_cached_bytes, 0U);
  EXPECT_EQ(stats.arena.free_dirty_bytes, 0U);
  EXPECT_EQ(stats.cached_blocks, 0U);
  EXPECT_FALSE(heap.purge(cache)) << "nothing is left to give back";
  EXPECT_HEAP_WHOLE(heap);
  EXPECT_NE(heap.malloc(cache, kBytes), nullptr);
}

TEST_F(CacheTest, PurgeFromOutsideTakesEmptySlabsAndSparesTheRest) {
  ThreadCache* idle = heap.attach();
  ThreadCache* purger = heap.attach();
  std::vector<void*> slots = get(idle, 3000);
  for (void* p : slots) memset(p, 0x77, kBytes);
  for (std::size_t i = 100; i < 2900; ++i) heap.free(idle, slots[i]);
  for (std::size_t i = 2900; i < 3000; ++i) heap.free(purger, slots[i]);
  slots.resize(100);
  const HeapStats before = heap.stats();
  ASSERT_GT(idle->slabs[class_of_bytes(kBytes)].empty_count, 0U);
  heap.purge(purger);
  const HeapStats after = heap.stats();
  EXPECT_EQ(idle->slabs[class_of_bytes(kBytes)].empty_count, 0U);
  EXPECT_LT(after.arena.slab_bytes, before.arena.slab_bytes);
  EXPECT_EQ(after.cached_blocks, before.cached_blocks) << "another thread's magazines are its own";
  EXPECT_EQ(after.remote_blocks, 100U) << "and so is the collection of what was freed remotely";
  for (void* p : slots) EXPECT_TRUE(all_bytes(p, kBytes, 0x77));
  EXPECT_HEAP_WHOLE(heap);
  put(idle, slots);
  heap.purge(idle);
  EXPECT_EQ(heap.stats().remote_blocks, 0U);
  EXPECT_EQ(heap.fault(), "none");
}

TEST_F(CacheTest, PurgeSweepsWhatExitedThreadsLeft) {
  ThreadCache* gone = heap.attach();
  ThreadCache* other = heap.attach();
  const std::vector<void*> slots = get(gone, 1000);
  heap.detach(gone);
  put(other, slots);
  heap.purge(nullptr);
  EXPECT_EQ(heap.stats().arena.slab_bytes, 0U);
  EXPECT_EQ(heap.stats().arena.free_dirty_bytes, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(CacheTest, MemoryGoesBackAfterTheDelayWithoutAnybodyAsking) {
  ThreadCache* cache = heap.attach();
  put(cache, get(cache, 30, 200000));
  ASSERT_GT(heap.stats().arena.large_cached_bytes + heap.stats().arena.free_dirty_bytes, 0U);
  // Twice the delay and ordinary work in between.
  for (int i = 0; i < 200; ++i) {
    script().now_ms += 10;
    heap.free(cache, heap.malloc(cache, 40000));
  }
  const HeapStats stats = heap.stats();
  EXPECT_LE(stats.arena.large_cached_bytes + stats.arena.free_dirty_bytes, 4 * kUnitBytes);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(CacheTest, DetachInTheChildLeavesOutWhatTheStoppedThreadHadHalfDone) {
  ThreadCache* stopped = heap.attach();
  std::vector<void*> slots = get(stopped, 100);
  put(stopped, get(stopped, 100));
  MagazinePair& pair = stopped->pair(class_of_bytes(kBytes));
  ASSERT_GT(alloc_count(pair), 1U);
  // Stopped between taking the slot and moving the top: live, and still in the magazine.
  void* half_taken = *pair.alloc_top;
  owner_or(heap.arena.state_of(half_taken), kLiveBits);
  // Stopped between the push and the state: in the free magazine, and live.
  void* half_freed = nullptr;
  if (free_count(pair) > 0) {
    half_freed = pair.free_top[0];
    owner_or(heap.arena.state_of(half_freed), kLiveBits);
  }
  heap.detach(stopped, true);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_TRUE(is_live_state(heap.state_of(half_taken)));
  EXPECT_FALSE(slab_is_free(heap.arena, half_taken)) << "nobody may get it";
  if (half_freed) {
    EXPECT_FALSE(slab_is_free(heap.arena, half_freed));
  }
  EXPECT_HEAP_WHOLE(heap);
  ThreadCache* heir = heap.attach();
  std::set<void*> seen;
  for (void* p : get(heir, 3000)) {
    ASSERT_TRUE(seen.insert(p).second);
    ASSERT_NE(p, half_taken);
    ASSERT_NE(p, half_freed);
  }
  put(heir, slots);
  EXPECT_EQ(heap.fault(), "none");
}

TEST_F(CacheTest, DetachInTheChildSurvivesGarbageInMagazines) {
  ThreadCache* stopped = heap.attach();
  put(stopped, get(stopped, 100));
  MagazinePair& pair = stopped->pair(class_of_bytes(kBytes));
  ASSERT_GT(alloc_count(pair), 2U);
  pair.alloc_top[0] = nullptr;
  pair.alloc_top[1] = &pair;
  heap.detach(stopped, true);
  EXPECT_EQ(heap.fault(), "none");
  ThreadCache* heir = heap.attach();
  put(heir, get(heir, 500));
  EXPECT_EQ(heap.fault(), "none");
}

TEST_F(CacheTest, DetachInTheChildTouchesNoSlabOfAnotherThread) {
  ThreadCache* other = heap.attach();
  put(other, get(other, 100));
  ASSERT_EQ(heap.unit_of_slot(*other->pair(class_of_bytes(kBytes)).alloc_top), 0U);
  ThreadCache* stopped = heap.attach();
  get(stopped, 10);
  heap.detach(stopped, true);
  EXPECT_HEAP_WHOLE(heap);
  std::set<void*> seen;
  for (void* p : get(other, 500)) ASSERT_TRUE(seen.insert(p).second) << "handed out twice";
}

TEST_F(CacheTest, ASmallBlockIsServedWhereOnlyCachedLargeBlocksAreLeft) {
  TestHeap full({.os = &kScripted, .arena_bytes = std::size_t{32} << 20});
  ThreadCache* cache = full.attach();
  std::vector<void*> large;
  for (const std::size_t bytes : {1000000UL, 40000UL})
    while (void* p = full.malloc(cache, bytes)) large.push_back(p);
  for (void* p : large) full.free(cache, p);
  EXPECT_GT(full.large.cached_bytes(), std::size_t{30} << 20);
  bool dirty = false;
  ASSERT_EQ(full.arena.take(1, &dirty), kNoSpan) << "the arena itself has nothing left";
  EXPECT_NE(full.malloc(cache, kBytes), nullptr);
  EXPECT_EQ(full.large.cached_bytes(), 0U);
  EXPECT_HEAP_WHOLE(full);
}

TEST_F(CacheTest, ADestroyedHeapCanStartAgain) {
  ThreadCache* cache = heap.attach();
  put(cache, get(cache, 1000));
  get(cache, 1000);
  heap.detach(cache);
  EXPECT_GT(heap.abandoned_count[class_of_bytes(kBytes)].load(), 0U);
  const auto sink = heap.sink;
  heap.destroy();
  EXPECT_EQ(heap.caches.load(), nullptr);
  ASSERT_TRUE(heap.init(kScripted, 1, sink, kArenaBytes));
  EXPECT_HEAP_WHOLE(heap);
  EXPECT_EQ(heap.stats().threads, 0U);
  EXPECT_EQ(heap.stats().arena.free_dirty_bytes + heap.stats().arena.slab_bytes, 0U);
  ThreadCache* fresh = heap.attach();
  EXPECT_EQ(fresh->id, 1U);
  put(fresh, get(fresh, 1000));
  EXPECT_EQ(heap.fault(), "none");
  // Of the largest class one empty slab is kept for the next thread, and none is counted from before.
  std::set<u32> births;
  for (int i = 0; i < 3; ++i) {
    ThreadCache* next = heap.attach();
    void* p = heap.malloc(next, kMaxSlabRequest);
    births.insert(heap.span_of(p).birth);
    heap.free(next, p);
    heap.detach(next);
  }
  EXPECT_EQ(births.size(), 1U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(CacheTest, AFailedStartRefusesEverythingQuietly) {
  script().arm(kCallReserve, 1, ~u64{0} / 2);
  TestHeap none({.os = &kScripted});
  EXPECT_FALSE(none.started);
  EXPECT_EQ(none.allocate_large(100, 16, false), nullptr);
  EXPECT_STREQ(none.verify(), nullptr);
  EXPECT_EQ(none.stats().live_blocks, 0U);
  EXPECT_EQ(none.attach(), nullptr);
}

TEST_F(CacheTest, TheSeedIsTakenFromTheKernelUnlessGiven) {
  TestHeap drawn({.seed = 0, .os = &kScripted});
  EXPECT_EQ(drawn.seed, kScripted.entropy() | 1);
  EXPECT_EQ(heap.seed, 1U);
}

}  // namespace
}  // namespace hak::test
