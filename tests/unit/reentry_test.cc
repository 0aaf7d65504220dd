// A signal handler came back to the heap while its own thread was inside. The kernel's calls stand for
// the handler: they come where locks are held.
#include <errno.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <utility>
#include <vector>

#include "support/test_heap.h"

namespace hak::test {
namespace {

int g_reentered = 0;
void* g_given = nullptr;
constexpr Unattached kReentrant = {
    nullptr, nullptr, [](HeapCore&, ThreadCache&) {},
    [](HeapCore&, std::size_t, Api) -> void* { ++g_reentered; return g_given; }};

TEST(Reentry, SlowPathsGoElsewhere) {
  TestHeap heap;
  heap.unattached = &kReentrant;
  ThreadCache* cache = heap.attach();
  std::vector<void*> blocks;
  for (int i = 0; i < 300; ++i) blocks.push_back(heap.malloc(cache, 64));
  g_reentered = 0;
  cache->in_slow = true;
  g_given = &heap;
  while (alloc_count(cache->pair(class_of_bytes(64)))) heap.malloc(cache, 64);
  EXPECT_EQ(g_reentered, 0) << "the magazine is the thread's own";
  EXPECT_EQ(heap.malloc(cache, 64), &heap);
  EXPECT_EQ(g_reentered, 1);
  std::size_t freed = 0;
  do {
    ASSERT_LT(freed, blocks.size()) << "the free magazine never gets full";
    heap.free(cache, blocks[freed]);
  } while (state_kind(heap.state_of(blocks[freed++])) == kFreeBits);
  EXPECT_EQ(state_kind(heap.state_of(blocks[freed - 1])), kRemoteBits) << "posted, for whoever collects the slab";
  EXPECT_EQ(cache->remote_head.load(), kNoSpan) << "without a lock, hence without being queued";
  cache->in_slow = false;
  EXPECT_NE(heap.malloc(cache, 64), &heap);
}

/// A handler that comes in the middle of a refill: the kernel's call stands for it.
TEST(Reentry, ASlowPathSaysThatItIsOne) {
  static TestHeap* interrupted;
  static ThreadCache* thread;
  static void* given;
  static const Os interrupting = [] {
    Os os = kTestOs;
    os.commit = [](void* at, std::size_t bytes) {
      if (thread) given = interrupted->malloc(thread, 64);
      return kTestOs.commit(at, bytes);
    };
    return os;
  }();
  thread = nullptr;
  TestHeap heap({.os = &interrupting});
  heap.unattached = &kReentrant;
  interrupted = &heap;
  g_reentered = 0;
  g_given = &heap;
  ThreadCache* cache = heap.attach();
  thread = cache;
  EXPECT_NE(heap.malloc(cache, 64), nullptr);
  thread = nullptr;
  EXPECT_GT(g_reentered, 0);
  EXPECT_EQ(given, &heap);
  EXPECT_FALSE(cache->in_slow);
  EXPECT_HEAP_WHOLE(heap);
}

/// Runs once, in the next call to the kernel that comes from a locked section.
std::function<void()> g_handler;
const Os& interrupting_os() {
  static const Os interrupting = [] {
    Os os = kTestOs;
    os.commit = [](void* at, std::size_t bytes) {
      if (g_handler && in_locked_section()) std::exchange(g_handler, nullptr)();
      return kTestOs.commit(at, bytes);
    };
    return os;
  }();
  return interrupting;
}

class ReentryTest : public testing::TestWithParam<bool> {
 protected:
  ReentryTest() { alarm(20); }  // who waits for itself waits for ever
  ~ReentryTest() override {
    alarm(0);
    g_handler = nullptr;
  }
  /// An operation that commits memory under the arena's lock, interrupted by `handler`.
  void interrupt(std::function<void()> handler) {
    g_handler = std::move(handler);
    void* grown = heap.malloc(cache, 6U << 20);
    EXPECT_NE(grown, nullptr);
    ASSERT_FALSE(g_handler) << "nothing was interrupted";
    EXPECT_HEAP_WHOLE(heap);
    heap.free(cache, grown);
    EXPECT_EQ(heap.fault(), "none");
  }
  void expect_exhausted(void* p) {
    EXPECT_EQ(p, nullptr);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
  }

  TestHeap heap{{.os = &interrupting_os(), .tracked = GetParam()}};
  ThreadCache* cache = heap.attach();
};

TEST_P(ReentryTest, AllocationsThatNeedALockFail) {
  void* warm = heap.malloc(cache, 64);
  void* small = nullptr;
  errno = 0;
  interrupt([&] {
    small = heap.malloc(cache, 64);
    EXPECT_NE(small, nullptr) << "the magazine needs no lock";
    expect_exhausted(heap.malloc(cache, 5000));
    expect_exhausted(heap.malloc(cache, 200'000));
    expect_exhausted(heap.calloc(cache, 1, 200'000));
    expect_exhausted(heap.aligned(cache, 65536, 200'000));
    EXPECT_FALSE(heap.purge(cache));
  });
  heap.free(cache, small);
  heap.free(cache, warm);
  EXPECT_NE(heap.malloc(cache, 5000), nullptr);
  EXPECT_EQ(heap.fault(), "none");
}

TEST_P(ReentryTest, ALargeBlockStaysWhatItWas) {
  auto* block = static_cast<u8*>(heap.malloc(cache, 200'000));
  block[199'999] = 7;
  interrupt([&] {
    expect_exhausted(heap.realloc(cache, block, 400'000));
    expect_exhausted(heap.realloc(cache, block, 5000));
  });
  EXPECT_EQ(block[199'999], 7);
  EXPECT_GE(heap.usable(block), 200'000U);
  EXPECT_NE(heap.realloc(cache, block, 400'000), nullptr);
  EXPECT_EQ(heap.fault(), "none");
}

TEST_P(ReentryTest, FreesAreTakenInLater) {
  void* blocks[] = {heap.malloc(cache, 200'000), heap.malloc(cache, 300'000)};
  const u64 before = heap.stats().arena.large_count;
  interrupt([&] {
    for (void* block : blocks) heap.free(cache, block);
    for (void* block : blocks) heap.free(cache, block);
    EXPECT_EQ(heap.fault(), "double-free and more") << "a second free is one even now";
  });
  heap.purge(cache);
  EXPECT_EQ(heap.postponed.load(), kNoSpan);
  EXPECT_EQ(heap.stats().arena.large_count, before - 2);
  EXPECT_EQ(heap.stats().arena.large_cached_bytes, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_P(ReentryTest, AnotherThreadsSlotIsPosted) {
  ThreadCache* other = heap.attach();
  void* theirs[] = {heap.malloc(other, 64), heap.malloc(other, 64)};
  interrupt([&] { heap.free(cache, theirs[0]); });
  EXPECT_EQ(other->remote_head.load(), kNoSpan);
  heap.free(cache, theirs[1]);
  heap.purge(cache);
  heap.purge(other);
  EXPECT_EQ(heap.stats().counters.remote_collected, 2U) << "the next free queues the slab for both";
  EXPECT_EQ(heap.fault(), "none");
}

TEST(Reentry, AHeapEndsWithWhatWasPutOff) {
  TestHeap heap({.os = &interrupting_os()});
  ThreadCache* cache = heap.attach();
  void* block = heap.malloc(cache, 200'000);
  g_handler = [&] { heap.free(cache, block); };
  EXPECT_NE(heap.malloc(cache, 6U << 20), nullptr);
  ASSERT_FALSE(g_handler) << "nothing was interrupted";
  ASSERT_NE(heap.postponed.load(), kNoSpan);
  heap.destroy();
  heap.started = false;
  EXPECT_EQ(heap.postponed.load(), kNoSpan) << "in the next arena another span lies there";
}

INSTANTIATE_TEST_SUITE_P(Paths, ReentryTest, testing::Bool(),
                         [](const auto& which) { return which.param ? "tracked" : "plain"; });

}  // namespace
}  // namespace hak::test
