// core/quarantine, and the tracked paths around it: how long a freed slot rests, and that it counts as
// freed meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "support/test_heap.h"

namespace hak::test {
namespace {

void* token(std::size_t i) { return reinterpret_cast<void*>((i + 1) * 16); }

TEST(Quarantine, RestsAtLeastTheQueueAndComesOutInNoOrder) {
  Quarantine quarantine;
  Random random(7);
  ASSERT_TRUE(quarantine.init(kLinux, 64));
  for (unsigned size_class : {0U, 30U, kClassCount - 1}) {
    const u32 capacity = quarantine.capacity(size_class);
    ASSERT_GE(capacity, 4U);
    EXPECT_LE(capacity * std::size_t{kStrides[size_class]},
              std::max<std::size_t>(Quarantine::kBudgetBytes, 4 * kMaxStride));
    constexpr std::size_t kRounds = 20000;
    std::map<void*, std::size_t> in;
    double sum = 0;
    std::size_t least = kRounds, most = 0, out_count = 0;
    for (std::size_t i = 0; i < kRounds; ++i) {
      in[token(i)] = i;
      void* out = quarantine.exchange(random, size_class, token(i));
      if (!out) continue;
      ASSERT_TRUE(in.count(out)) << "came out twice, or never went in";
      const std::size_t rest = i - in[out];
      in.erase(out);
      least = std::min(least, rest);
      most = std::max(most, rest);
      sum += static_cast<double>(rest);
      ++out_count;
    }
    const u32 queue = capacity - capacity / 2;
    EXPECT_GE(least, queue);
    EXPECT_GT(most, 2 * capacity) << "the random places make the longest rest unbounded";
    // Every slot rests `capacity` exchanges on average, since so many lie inside. The rest has the
    // deviation of a geometric law of mean capacity / 2: six of them, one false alarm in 10^9.
    const double mean = sum / static_cast<double>(out_count);
    EXPECT_NEAR(mean, capacity, 6 * (capacity / 2.0) / std::sqrt(out_count) + capacity * 0.01);
    EXPECT_EQ(in.size(), capacity);
    for (u32 i = 0; i < capacity; ++i) ASSERT_EQ(in.erase(quarantine.take(size_class)), 1U);
    EXPECT_EQ(quarantine.take(size_class), nullptr);
  }
  quarantine.destroy(kLinux);
}

TEST(Quarantine, AHandlerThatCameBetweenTakesNothingOutAndPutsNothingIn) {
  Quarantine quarantine;
  Random random(7);
  ASSERT_TRUE(quarantine.init(kLinux, 64));
  ASSERT_TRUE(quarantine.enter());
  EXPECT_FALSE(quarantine.enter());
  EXPECT_EQ(quarantine.exchange(random, 0, token(1)), token(1));
  quarantine.leave();
  EXPECT_EQ(quarantine.exchange(random, 0, token(1)), nullptr);
  EXPECT_EQ(quarantine.take(0), token(1));
  quarantine.destroy(kLinux);
}

TEST(Quarantine, TellsWhichSlotLeavesNext) {
  Quarantine quarantine;
  Random random(7);
  ASSERT_TRUE(quarantine.init(kLinux, 64));
  for (std::size_t i = 0; i < 2000; ++i) {
    const void* next = quarantine.next_out(0);
    if (void* out = quarantine.exchange(random, 0, token(i))) { ASSERT_EQ(out, next); }
  }
  quarantine.destroy(kLinux);
}

TEST(Quarantine, WithoutMemoryForItsTableItAsksNoMore) {
  Os os = kLinux;
  static int asked;
  asked = 0;
  os.reserve = [](std::uintptr_t, std::size_t) -> void* { return ++asked, nullptr; };
  Quarantine quarantine;
  EXPECT_FALSE(quarantine.init(os, 64));
  EXPECT_FALSE(quarantine.init(os, 64));
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(quarantine.on());
}

class WithheldTest : public testing::Test {
 protected:
  WithheldTest() : heap({.profile = Profile::kParanoid, .tracked = true}), cache(heap.attach()) {
    heap.tracker->withhold_slots(kSlots);
    heap.large.quarantine(true);
  }
  static constexpr u32 kSlots = 32;
  TestHeap heap;
  ThreadCache* cache;
};

TEST_F(WithheldTest, NoCallTakesAWithheldBlockForALiveOne) {
  const std::size_t live = heap.stats().live_blocks;
  void* p = heap.malloc(cache, 100);
  memset(p, 0x11, 100);
  heap.free(cache, p);
  ASSERT_TRUE(heap.tracker->withheld(heap, p));
  EXPECT_TRUE(all_bytes(p, 100, kFreedByte));
  heap.free(cache, p);
  EXPECT_EQ(heap.fault(), "double-free");
  heap.free_sized(cache, p, 7);
  EXPECT_EQ(heap.fault(), "double-free");
  EXPECT_EQ(heap.realloc(cache, p, 100), nullptr);
  EXPECT_EQ(heap.fault(), "double-free");
  EXPECT_EQ(heap.usable(p), 0U);
  EXPECT_EQ(heap.fault(), "double-free");
  EXPECT_EQ(heap.last.free_thread, thread_id());
  EXPECT_EQ(heap.stats().live_blocks, live);
  bool seen = false;
  walk_live(heap, [](void*, std::size_t, void* context) { *static_cast<bool*>(context) = true; }, &seen);
  EXPECT_FALSE(seen);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(WithheldTest, AFreedSlotIsNotReusedSoon) {
  std::map<void*, int> freed;
  for (int i = 0; i < 3000; ++i) {
    void* p = heap.malloc(cache, 64);
    if (freed.count(p)) { ASSERT_GE(i - freed[p], static_cast<int>(kSlots / 2)); }
    heap.free(cache, p);
    freed[p] = i;
  }
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(WithheldTest, AWriteIsFoundWhenTheSlotLeaves) {
  auto* p = static_cast<u8*>(heap.malloc(cache, 64));
  heap.free(cache, p);
  p[3] = 0x42;
  std::string fault = "none";
  for (int i = 0; i < 2000 && fault == "none"; ++i) {
    heap.free(cache, heap.malloc(cache, 64));
    fault = heap.fault();
  }
  EXPECT_EQ(fault, "write-after-free");
  EXPECT_EQ(heap.last.ptr, p + 3);
  EXPECT_EQ(heap.last.api, Api::kFree) << "not only when it is handed out again";
}

TEST_F(WithheldTest, AnotherThreadsSlotsGoHome) {
  ThreadCache* other = heap.attach();
  std::set<void*> blocks;
  for (int i = 0; i < 500; ++i) blocks.insert(heap.malloc(cache, 200));
  for (void* p : blocks) heap.free(other, p);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_EQ(heap.stats().live_blocks, 0U);
  EXPECT_HEAP_WHOLE(heap);
  const auto withheld = [&] {
    return std::count_if(blocks.begin(), blocks.end(), [&](void* p) {
      return heap.tracker->withheld(heap, p) && is_live_state(heap.state_of(p));
    });
  };
  heap.purge(cache);
  EXPECT_EQ(withheld(), kSlots) << "what a thread withholds is its own";
  heap.detach(other);
  EXPECT_EQ(withheld(), 0) << "and goes home when the thread ends";
  EXPECT_HEAP_WHOLE(heap);
}

/// As in the child of fork: the thread that does not exist there was in the middle of an exchange.
TEST_F(WithheldTest, AStoppedThreadsSlotsGoHomeToo) {
  ThreadCache* stopped = heap.attach();
  void* p = heap.malloc(stopped, 200);
  heap.free(stopped, p);
  ASSERT_TRUE(heap.tracker->withheld(heap, p) && is_live_state(heap.state_of(p)));
  ASSERT_TRUE(stopped->withheld.enter());
  heap.detach(stopped, true);
  EXPECT_FALSE(is_live_state(heap.state_of(p)));
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(WithheldTest, PurgeLetsGoOfEverySlotAndSlab) {
  std::vector<void*> blocks;
  for (std::size_t bytes : {16UL, 100UL, 5000UL, 30000UL})
    for (int i = 0; i < 200; ++i) blocks.push_back(heap.malloc(cache, bytes));
  for (void* p : blocks) heap.free(cache, p);
  heap.purge(cache);
  EXPECT_EQ(heap.stats().arena.slab_bytes, 0U);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(WithheldTest, AFreedLargeBlockIsClosedUntilItIsGivenBack) {
  auto* p = static_cast<char*>(heap.malloc(cache, 200000));
  p[1000] = 1;
  heap.free(cache, p);
  EXPECT_FALSE(readable(p));
  EXPECT_FALSE(readable(p + 199999));
  heap.free(cache, p);
  EXPECT_EQ(heap.fault(), "double-free");
  heap.purge(cache);
  EXPECT_TRUE(readable(p)) << "the arena hands out open spans";
  EXPECT_HEAP_WHOLE(heap);
}

}  // namespace
}  // namespace hak::test
