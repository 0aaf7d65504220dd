// core/remote: frees by threads that do not own the slab, and slabs that change owner (R1-R4).
#include <gtest/gtest.h>

#include <set>

#include "support/test_heap.h"

namespace hak::test {
namespace {

constexpr std::size_t kBytes = 100;

class RemoteTest : public testing::Test {
 protected:
  RemoteTest() : owner(heap.attach()), other(heap.attach()) {}
  std::vector<void*> get(ThreadCache* cache, std::size_t count, std::size_t bytes = kBytes) {
    std::vector<void*> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(heap.malloc(cache, bytes));
    return out;
  }
  u32 queued(ThreadCache* cache) {
    u32 count = 0;
    for (u32 at = cache->remote_head.load(); at != kNoSpan; at = heap.arena.span(at)->remote_next)
      ++count;
    return count;
  }

  TestHeap heap;
  ThreadCache* owner;
  ThreadCache* other;
};

TEST_F(RemoteTest, R1AFreeFromOutsideIsRemoteUntilCollected) {
  void* p = heap.malloc(owner, kBytes);
  heap.free(other, p);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_EQ(state_kind(heap.state_of(p)), kRemoteBits);
  EXPECT_EQ(heap.span_of(p).queued.load(), 1U);
  EXPECT_EQ(owner->remote_head.load(), heap.unit_of_slot(p));
  EXPECT_EQ(heap.stats().remote_blocks, 1U);
  EXPECT_EQ(heap.stats().live_blocks, 0U);
  EXPECT_HEAP_WHOLE(heap);
  collect_remote(heap, *owner);
  EXPECT_EQ(state_kind(heap.state_of(p)), kFreeBits);
  EXPECT_TRUE(slab_is_free(heap.arena, p));
  EXPECT_EQ(heap.span_of(p).queued.load(), 0U);
  EXPECT_EQ(owner->remote_head.load(), kNoSpan);
  EXPECT_EQ(heap.stats().remote_blocks, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, R4ASlabIsQueuedOnce) {
  const std::vector<void*> slots = get(owner, 200);
  for (void* p : slots) heap.free(other, p);
  EXPECT_EQ(queued(owner), 1U) << "one slab holds them all";
  collect_remote(heap, *owner);
  EXPECT_EQ(heap.stats().remote_blocks, 0U);
  EXPECT_EQ(owner->counters.remote_collected, 200U);
  EXPECT_EQ(other->counters.remote_frees, 200U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, ManySlabsAreAllQueuedAndAllCollected) {
  const std::vector<void*> slots = get(owner, 3000);
  std::set<u32> slabs;
  for (void* p : slots) slabs.insert(heap.unit_of_slot(p));
  for (void* p : slots) heap.free(other, p);
  EXPECT_EQ(queued(owner), slabs.size());
  collect_remote(heap, *owner);
  EXPECT_EQ(heap.stats().live_blocks + heap.stats().remote_blocks, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, TheOwnersNextRefillCollects) {
  std::vector<void*> slots = get(owner, 1000);
  const std::size_t slab_bytes = heap.stats().arena.slab_bytes;
  for (int round = 0; round < 20; ++round) {
    for (void* p : slots) heap.free(other, p);
    slots = get(owner, 1000);
  }
  EXPECT_LE(heap.stats().arena.slab_bytes, 2 * slab_bytes) << "a consumer's frees come back";
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, WhatWaitsIsCollectedBeforeAnExchangeOfMagazines) {
  const std::vector<void*> slots = get(owner, 300);
  MagazinePair& pair = owner->pair(class_of_bytes(kBytes));
  while (alloc_count(pair)) heap.malloc(owner, kBytes);
  for (std::size_t i = 0; !exchange_is_due(pair); ++i) heap.free(owner, slots[i]);
  heap.free(other, slots.back());
  ASSERT_EQ(heap.stats().remote_blocks, 1U);
  const u64 exchanges = owner->counters.exchanges;
  heap.malloc(owner, kBytes);
  EXPECT_EQ(owner->counters.exchanges, exchanges + 1);
  EXPECT_EQ(heap.stats().remote_blocks, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, ASlabOnTheFullListBecomesAvailable) {
  const unsigned c = class_of_bytes(kBytes);
  std::vector<void*> slots = get(owner, 1);
  while (owner->slabs[c].full.empty()) slots.push_back(heap.malloc(owner, kBytes));
  const u32 full = owner->slabs[c].full.head;
  void* p = nullptr;
  for (void* q : slots)
    if (heap.unit_of_slot(q) == full) p = q;
  ASSERT_NE(p, nullptr);
  heap.free(other, p);
  collect_remote(heap, *owner);
  EXPECT_FALSE(heap.arena.span(full)->on_full_list);
  EXPECT_TRUE(owner->slabs[c].full.empty());
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, DoubleFreesAreSeenInEveryOrder) {
  ThreadCache* third = heap.attach();
  for (ThreadCache* first : {owner, other}) {
    for (ThreadCache* second : {owner, other, third}) {
      void* p = heap.malloc(owner, kBytes);
      heap.free(first, p);
      ASSERT_EQ(heap.fault(), "none");
      heap.free(second, p);
      EXPECT_EQ(heap.fault(), "double-free");
      collect_remote(heap, *owner);
      EXPECT_EQ(heap.fault(), "none") << "one free was good";
      heap.free(second, p);
      EXPECT_EQ(heap.fault(), "double-free");
      EXPECT_HEAP_WHOLE(heap);
    }
  }
}

TEST_F(RemoteTest, ARaceOfOwnerAndOtherIsFoundAtCollection) {
  // What the owner's plain write leaves when it wins over a remote exchange in between.
  void* p = heap.malloc(owner, kBytes);
  const u8 live = heap.state_of(p);
  ASSERT_TRUE(post_remote(heap, p, live));
  *heap.arena.state_of(p) = live;
  heap.free(owner, p);
  EXPECT_EQ(heap.fault(), "none");
  collect_remote(heap, *owner);
  EXPECT_EQ(heap.fault(), "racing-free");
  EXPECT_EQ(heap.last.ptr, p);
  EXPECT_EQ(heap.last.block_begin, p);
  EXPECT_EQ(heap.last.size_class, static_cast<int>(class_of_bytes(kBytes)));
  EXPECT_EQ(heap.last.slot, static_cast<long>(slab_slot_of(heap.span_of(p), p)));
  EXPECT_EQ(heap.last.usable_bytes, heap.span_of(p).stride - 1);
  EXPECT_FALSE(slab_is_free(heap.arena, p)) << "it rests in a magazine and must not be in both";
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, ARaceOfTwoOthersHasOneWinner) {
  void* p = heap.malloc(owner, kBytes);
  const u8 live = heap.state_of(p);
  EXPECT_TRUE(post_remote(heap, p, live));
  EXPECT_FALSE(post_remote(heap, p, live));
  collect_remote(heap, *owner);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, CollectedSlotsAreZeroAndEmptySlabsGo) {
  const std::vector<void*> slots = get(owner, 20000, 24);
  for (void* p : slots) memset(p, 0x5a, 24);
  for (void* p : slots) heap.free(other, p);
  const std::size_t before = heap.stats().arena.slab_bytes;
  {
    Locked slow(owner->slow_lock);
    collect_remote(heap, *owner);
  }
  EXPECT_LE(heap.stats().arena.slab_bytes, (kEmptySlabUnits + 2) * kUnitBytes);
  EXPECT_GT(before, (kEmptySlabUnits + 3) * kUnitBytes);
  for (void* p : get(owner, 4000, 24)) EXPECT_TRUE(all_bytes(p, 31, 0)) << p;
  EXPECT_HEAP_WHOLE(heap);
}

/// A racing owner may have made another slab of the span: an index that no slab has frees nothing.
TEST_F(RemoteTest, AnIndexThatNoSlabHasIsRefused) {
  void* p = heap.malloc(owner, kBytes);
  Span& span = heap.span_of(p);
  std::byte* start = span.start;
  span.start -= std::size_t{kMaxSlabSlots} * span.stride;
  EXPECT_FALSE(post_remote(heap, p, heap.state_of(p)));
  span.start = start;
  EXPECT_EQ(state_kind(heap.state_of(p)), kLiveBits);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, TheHeaderBehindIsCheckedForRemoteFreesToo) {
  void* p = heap.malloc(owner, kBytes);
  const std::size_t usable = heap.usable(p);
  const u8 header = byte_of(p, static_cast<std::ptrdiff_t>(usable));
  byte_of(p, static_cast<std::ptrdiff_t>(usable)) ^= 1;
  heap.free(other, p);
  EXPECT_EQ(heap.fault(), "overflow");
  EXPECT_EQ(state_kind(heap.state_of(p)), kLiveBits) << "a refused free changes nothing";
  byte_of(p, static_cast<std::ptrdiff_t>(usable)) = header;
  heap.free(other, p);
  EXPECT_EQ(heap.fault(), "none");
}

TEST_F(RemoteTest, OneRefillAdoptsAFewFullSlabsAtMost) {
  const unsigned last = kClassCount - 1;
  const std::vector<void*> slots = get(owner, 30 * slab_slots(last) / 2, kMaxSlabRequest);
  heap.detach(owner);
  const u32 abandoned = heap.abandoned_count[last].load();
  ASSERT_GT(abandoned, 10U);
  heap.free(other, heap.malloc(other, kMaxSlabRequest));
  EXPECT_GE(heap.abandoned_count[last].load() + 8, abandoned);
  EXPECT_LT(heap.abandoned_count[last].load(), abandoned);
  for (void* p : slots) heap.free(other, p);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, ExitedOwnersSlabsAreAdoptedWithWhatIsLive) {
  std::vector<void*> slots = get(owner, 500);
  for (void* p : slots) memset(p, 0x5a, kBytes);
  for (std::size_t i = 0; i < slots.size(); i += 2) heap.free(owner, slots[i]);
  heap.detach(owner);
  EXPECT_FALSE(owner->in_use);
  EXPECT_GT(heap.abandoned_count[class_of_bytes(kBytes)].load(), 0U);
  EXPECT_EQ(heap.stats().live_blocks, 250U);
  EXPECT_HEAP_WHOLE(heap);
  // Frees of blocks whose slab nobody owns wait for the adopter.
  heap.free(other, slots[1]);
  EXPECT_EQ(state_kind(heap.state_of(slots[1])), kRemoteBits);
  const std::size_t slab_bytes = heap.stats().arena.slab_bytes;
  std::vector<void*> more = get(other, 250);
  EXPECT_EQ(heap.stats().arena.slab_bytes, slab_bytes) << "adopted, not made afresh";
  EXPECT_EQ(heap.span_of(slots[1]).owner.load(), other);
  EXPECT_NE(state_kind(heap.state_of(slots[1])), kRemoteBits);
  for (std::size_t i = 3; i < slots.size(); i += 2) {
    ASSERT_TRUE(all_bytes(slots[i], kBytes, 0x5a));
    heap.free(other, slots[i]);
  }
  for (void* p : more) heap.free(other, p);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_EQ(heap.stats().live_blocks, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, EmptySlabsOfAnExitedThreadGoBackButForAFew) {
  for (void* p : get(owner, 5000)) heap.free(owner, p);
  heap.detach(owner);
  EXPECT_GT(heap.stats().arena.slab_bytes, 0U);
  EXPECT_LE(heap.stats().arena.slab_bytes, kEmptySlabUnits * kUnitBytes);
  EXPECT_HEAP_WHOLE(heap);
  heap.purge(nullptr);
  EXPECT_EQ(heap.stats().arena.slab_bytes, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, ThreadsInTurnUseTheSameSlab) {
  std::set<u32> births;
  for (int i = 0; i < 20; ++i) {
    ThreadCache* next = heap.attach();
    for (void* p : get(next, 64)) {
      births.insert(heap.span_of(p).birth);
      heap.free(next, p);
    }
    heap.detach(next);
  }
  EXPECT_EQ(births.size(), 1U);
  for (u32 kept : heap.abandoned_empty) EXPECT_LE(kept, 1U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, WhatOthersFreedAfterTheExitIsSwept) {
  const std::vector<void*> slots = get(owner, 1000);
  heap.detach(owner);
  for (void* p : slots) heap.free(other, p);
  EXPECT_GT(heap.stats().arena.slab_bytes, 0U);
  sweep_abandoned(heap);
  EXPECT_EQ(heap.stats().arena.slab_bytes, 0U);
  for (auto& count : heap.abandoned_count) EXPECT_EQ(count.load(), 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, QueuedAtTheMomentOfExitIsNotLost) {
  const std::vector<void*> slots = get(owner, 1000);
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (i % 3) heap.free(other, slots[i]);
  ASSERT_GT(queued(owner), 0U);
  heap.detach(owner);
  EXPECT_EQ(owner->remote_head.load(), kNoSpan);
  EXPECT_EQ(heap.stats().remote_blocks, 0U) << "collected on the way out";
  for (std::size_t i = 0; i < slots.size(); i += 3) heap.free(other, slots[i]);
  sweep_abandoned(heap);
  EXPECT_EQ(heap.stats().arena.slab_bytes, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(RemoteTest, AFreeWithoutQueueingIsFoundWhenTheSlabIsCollectedNext) {
  std::vector<void*> slots = get(owner, 2);
  ASSERT_TRUE(post_remote(heap, slots[0], heap.state_of(slots[0]), false));
  EXPECT_EQ(owner->remote_head.load(), kNoSpan);
  heap.free(other, slots[1]);
  collect_remote(heap, *owner);
  EXPECT_EQ(heap.stats().remote_blocks, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

/// Of the very first slab too: a poster that has read its number must see another one afterwards.
TEST_F(RemoteTest, R5ASlabThatHasEndedHasNoNumber) {
  for (int round = 0; round < 3; ++round) {
    void* p = heap.malloc(owner, kBytes);
    const Span& slab = heap.span_of(p);
    EXPECT_EQ(slab.birth.load(), static_cast<u32>(round + 1));
    heap.free(owner, p);
    heap.purge(owner);
    ASSERT_EQ(heap.stats().arena.slab_bytes, 0U);
    EXPECT_EQ(slab.birth.load(), 0U);
  }
}

TEST_F(RemoteTest, RetireKeepsASlabThatIsQueued) {
  const std::vector<void*> slots = get(owner, 2000);
  heap.free(other, slots[0]);
  const u32 unit = heap.unit_of_slot(slots[0]);
  ASSERT_EQ(heap.arena.span(unit)->queued.load(), 1U);
  for (std::size_t i = 1; i < slots.size(); ++i) heap.free(owner, slots[i]);
  EXPECT_EQ(heap.arena.span(unit)->kind, SpanKind::kSlab);
  collect_remote(heap, *owner);
  EXPECT_EQ(heap.stats().remote_blocks, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

}  // namespace
}  // namespace hak::test
