// core/tracker and front/tracked: exact sizes, canaries, write-after-free, families, stacks.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <set>
#include <thread>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

class TrackerTest : public testing::Test {
 protected:
  TrackerTest() : heap({.profile = Profile::kParanoid, .tracked = true}), cache(heap.attach()) {
    EXPECT_NE(heap.tracker, nullptr);
  }
  void* get(std::size_t bytes, Api api = Api::kMalloc) {
    return heap.table->allocate(heap, cache, bytes, api);
  }
  void put(void* p, Api api) { heap.table->release(heap, cache, p, api); }
  /// The slot behind p's user bytes, before the header: the canary's place.
  std::size_t slack(void* p) { return Memory<kDefaultPolicy>::slot_bytes(heap, p); }

  TestHeap heap;
  ThreadCache* cache;
};

TEST_F(TrackerTest, UsableIsWhatWasAskedFor) {
  for (std::size_t bytes : {0UL, 1UL, 15UL, 16UL, 100UL, 1024UL, 32783UL, 32784UL, 1000000UL}) {
    void* p = heap.malloc(cache, bytes);
    EXPECT_EQ(heap.usable(p), bytes);
    memset(p, 0x11, bytes);
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "none") << bytes;
    void* q = heap.aligned(cache, 256, bytes);
    EXPECT_EQ(heap.usable(q), bytes);
    EXPECT_EQ(address_of(q) % 256, 0U);
    heap.free(cache, q);
    void* z = heap.calloc(cache, 1, bytes);
    EXPECT_TRUE(all_bytes(z, bytes, 0));
    heap.free(cache, z);
    EXPECT_EQ(heap.fault(), "none") << bytes;
  }
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(TrackerTest, T2EveryByteOfTheSlackIsGuarded) {
  for (std::size_t bytes : {0UL, 1UL, 50UL, 100UL, 1000UL, 40000UL}) {
    void* p = heap.malloc(cache, bytes);
    const std::size_t full = heap.span_of(p).kind == SpanKind::kSlab
                                 ? heap.span_of(p).stride - 1
                                 : heap.span_of(p).block_bytes;
    for (std::size_t at = bytes; at < full; at += at < bytes + 20 ? 1 : 97) {
      u8& byte = byte_of(p, static_cast<std::ptrdiff_t>(at));
      const u8 canary = byte;
      byte = static_cast<u8>(~canary);
      heap.free(cache, p);
      ASSERT_EQ(heap.fault(), "overflow") << bytes << " at " << at;
      EXPECT_EQ(heap.last.header_expected, canary);
      EXPECT_EQ(heap.last.header_found, static_cast<u8>(~canary));
      EXPECT_EQ(heap.last.requested_bytes, bytes);
      EXPECT_EQ(heap.realloc(cache, p, bytes + 1), nullptr);
      ASSERT_EQ(heap.fault(), "overflow");
      byte = canary;
    }
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "none");
  }
}

TEST_F(TrackerTest, CanariesDifferBetweenBlocks) {
  std::set<u8> canaries;
  for (int i = 0; i < 64; ++i) canaries.insert(byte_of(heap.malloc(cache, 10), 10));
  EXPECT_GT(canaries.size(), 16U);
  EXPECT_FALSE(canaries.count(0)) << "a terminating zero behind the block must not look right";
}

TEST_F(TrackerTest, T3FreedBytesAreFilledAndWritesToThemAreFound) {
  for (std::size_t offset : {0UL, 8UL, 63UL}) {
    void* p = heap.malloc(cache, 64);
    memset(p, 0x11, 64);
    heap.free(cache, p);
    EXPECT_TRUE(all_bytes(p, slack(p), kFreedByte));
    byte_of(p, static_cast<std::ptrdiff_t>(offset)) = 0x42;
    std::string fault = "none";
    for (int i = 0; i < 2000 && fault == "none"; ++i) {
      heap.free(cache, heap.malloc(cache, 64));
      fault = heap.fault();
    }
    EXPECT_EQ(fault, "write-after-free") << offset;
    EXPECT_EQ(heap.last.block_begin, p);
    EXPECT_EQ(heap.last.size_class, class_of_bytes(64));
    EXPECT_EQ(heap.last.ptr, bytes_of(p) + offset);
    EXPECT_GT(heap.last.free_thread, 0U);
  }
}

TEST_F(TrackerTest, AReusedSlabsOldRecordsSayNothing) {
  std::vector<void*> blocks;
  for (int i = 0; i < 3000; ++i) blocks.push_back(heap.malloc(cache, 64));
  for (void* p : blocks) heap.free(cache, p);
  heap.purge(cache);
  // The same units, zero again and of another class: no false alarm.
  for (int i = 0; i < 3000; ++i) heap.malloc(cache, 48);
  for (int i = 0; i < 1000; ++i) heap.malloc(cache, 64);
  EXPECT_EQ(heap.fault(), "none");
}

/// Between two slabs of a class another one left its headers in the middle of their slots.
TEST_F(TrackerTest, AReusedDirtySlabsOldRecordsSayNothing) {
  for (int round = 0; round < 2; ++round) {
    for (const std::size_t bytes : {64UL, 48UL}) {
      std::vector<void*> blocks;
      for (int i = 0; i < 20000; ++i) blocks.push_back(heap.malloc(cache, bytes));
      for (void* p : blocks) heap.free(cache, p);
      heap.detach(cache);
      cache = heap.attach();
    }
  }
  EXPECT_EQ(heap.fault(), "none");
}

TEST_F(TrackerTest, FamiliesMustMatch) {
  const Api kMake[] = {Api::kMalloc, Api::kNew, Api::kNewArray};
  const Api kEnd[] = {Api::kFree, Api::kDelete, Api::kDeleteArray};
  for (int make = 0; make < 3; ++make) {
    for (int end = 0; end < 3; ++end) {
      for (std::size_t bytes : {10UL, 100000UL}) {
        void* p = get(bytes, kMake[make]);
        put(p, kEnd[end]);
        EXPECT_EQ(heap.fault(), make == end ? "none" : "new-delete-mismatch") << make << end;
        if (make != end) put(p, kEnd[make]);
        EXPECT_EQ(heap.fault(), "none");
      }
    }
  }
  void* p = get(10, Api::kNew);
  EXPECT_EQ(heap.realloc(cache, p, 20), nullptr);
  EXPECT_EQ(heap.fault(), "new-delete-mismatch");
  EXPECT_EQ(heap.usable(p), 10U) << "asking for the size is allowed";
  EXPECT_EQ(heap.fault(), "none");
}

TEST_F(TrackerTest, FamilyOfEveryEntryPoint) {
  EXPECT_EQ(family_of(Api::kNew), Family::kNew);
  EXPECT_EQ(family_of(Api::kDelete), Family::kNew);
  EXPECT_EQ(family_of(Api::kNewArray), Family::kNewArray);
  EXPECT_EQ(family_of(Api::kDeleteArray), Family::kNewArray);
  for (Api api : {Api::kMalloc, Api::kCalloc, Api::kRealloc, Api::kFree, Api::kAlignedAlloc,
                  Api::kPosixMemalign, Api::kMemalign, Api::kFreeSized, Api::kUsableSize})
    EXPECT_EQ(family_of(api), Family::kMalloc) << api_name(api);
}

TEST_F(TrackerTest, SizedFreesAreExact) {
  for (std::size_t bytes : {10UL, 100000UL}) {
    void* p = heap.malloc(cache, bytes);
    heap.free_sized(cache, p, bytes + 1);
    EXPECT_EQ(heap.fault(), "size-mismatch") << "the same class, another size";
    heap.free_sized(cache, p, bytes);
    EXPECT_EQ(heap.fault(), "none");
  }
}

TEST_F(TrackerTest, ReallocAlwaysMovesAndKeepsContent) {
  void* p = heap.malloc(cache, 60);
  memset(p, 0x61, 60);
  void* q = heap.realloc(cache, p, 61);
  EXPECT_NE(p, q);
  EXPECT_TRUE(all_bytes(q, 60, 0x61));
  heap.free(cache, p);
  EXPECT_EQ(heap.fault(), "double-free") << "the old pointer is stale, whatever the sizes are";
  void* big = heap.realloc(cache, q, 200000);
  EXPECT_TRUE(all_bytes(big, 60, 0x61));
  void* small = heap.realloc(cache, big, 30);
  EXPECT_TRUE(all_bytes(small, 30, 0x61));
  EXPECT_EQ(heap.usable(small), 30U);
  EXPECT_EQ(heap.fault(), "none");
}

TEST_F(TrackerTest, TheRecordHasBothStacksAndThreads) {
  void* p = heap.malloc(cache, 64);
  heap.free(cache, p);
  heap.free(cache, p);
  ASSERT_EQ(heap.fault(), "double-free");
  EXPECT_EQ(heap.last.alloc_thread, thread_id());
  EXPECT_EQ(heap.last.free_thread, thread_id());
  EXPECT_EQ(heap.last.requested_bytes, 64U);
  EXPECT_TRUE(heap.last.has_requested);
}

/// Both say where they were called from.
[[gnu::noinline]] void* malloc_from(TestHeap& heap, ThreadCache* cache, const void** from) {
  *from = __builtin_return_address(0);
  void* p = heap.malloc(cache, 24);
  asm volatile("" ::: "memory");
  return p;
}
[[gnu::noinline]] void free_from(TestHeap& heap, ThreadCache* cache, void* p, const void** from) {
  *from = __builtin_return_address(0);
  heap.free(cache, p);
  asm volatile("" ::: "memory");
}

TEST_F(TrackerTest, StacksLeadToWhoAllocatedAndWhoFreed) {
  const void *allocated = nullptr, *freed = nullptr;
  void* p = malloc_from(heap, cache, &allocated);
  free_from(heap, cache, p, &freed);
  heap.free(cache, p);
  ASSERT_EQ(heap.fault(), "double-free");
  // What lies behind these frames is the test library's, which need not have frame pointers.
  const auto expect_leads_to = [](const void* const* frames, u32 depth, const void* caller) {
    const void* const* end = std::find(frames, frames + depth, caller);
    EXPECT_NE(end, frames + depth) << "of " << depth;
    for (; frames != end; ++frames) EXPECT_GT(address_of(*frames), kUnitBytes) << "a number, not a place in code";
  };
  ASSERT_GT(heap.last.alloc_depth, 0U);
  ASSERT_GT(heap.last.free_depth, 0U);
  expect_leads_to(heap.last.alloc_stack, heap.last.alloc_depth, allocated);
  expect_leads_to(heap.last.free_stack, heap.last.free_depth, freed);
}

TEST_F(TrackerTest, FreesByOthersAreRecordedToo) {
  ThreadCache* other = heap.attach();
  void* p = heap.malloc(cache, 64);
  heap.free(other, p);
  EXPECT_TRUE(all_bytes(p, slack(p), kFreedByte));
  heap.free(cache, p);
  EXPECT_EQ(heap.fault(), "double-free");
  EXPECT_GT(heap.last.free_thread, 0U);
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(TrackerTest, WithoutMemoryForRecordsTheHeapWorksUntracked) {
  script() = Script{};
  for (u64 at = 1; at < 40; ++at) {
    TestHeap poor({.profile = Profile::kParanoid, .os = &kScripted, .tracked = true});
    ThreadCache* its = poor.attach();
    script().arm(kCallCommit, at, ~u64{0} / 2);
    void* p = poor.malloc(its, 100);
    const bool reached = script().failed != 0;
    script().disarm();
    if (p) {
      memset(p, 1, 100);
      poor.free(its, p);
    }
    EXPECT_EQ(poor.fault(), "none") << at;
    EXPECT_HEAP_WHOLE(poor);
    if (!reached) return;
  }
  FAIL() << "every commit failed";
}

/// Every commit of the first allocation fails in turn; one of them is that of the stacks.
TEST_F(TrackerTest, AStackThereIsNoMemoryForIsLeftOut) {
  script() = Script{};
  int without = 0;
  for (u64 at = 1; at < 40; ++at) {
    TestHeap poor({.profile = Profile::kParanoid, .os = &kScripted, .tracked = true});
    ThreadCache* its = poor.attach();
    script().arm(kCallCommit, at);
    void* p = poor.malloc(its, 100);
    const bool reached = script().failed != 0;
    script().disarm();
    if (!reached) break;
    if (!p || !poor.tracker->recorded(poor, p)) continue;
    poor.table->release(poor, its, p, Api::kDelete);
    ASSERT_EQ(poor.fault(), "new-delete-mismatch") << at;
    EXPECT_EQ(poor.last.requested_bytes, 100U);
    without += poor.last.alloc_depth == 0;
  }
  EXPECT_EQ(without, 1);
}

/// Two frames to a page, so that the chain leaves the page of its innermost frame.
[[gnu::noinline]] u32 capture_below(int levels, const void** frames, u32 capacity) {
  volatile char room[2000];
  room[0] = 0;
  const u32 depth = levels ? capture_below(levels - 1, frames, capacity) : capture_stack(frames, capacity);
  asm volatile("" ::: "memory");
  return depth + static_cast<u32>(room[0]);
}

TEST(Stack, IsFollowedOverPages) {
  const void* frames[kMaxFrames];
  EXPECT_EQ(capture_below(kMaxFrames, frames, kMaxFrames), kMaxFrames);
  for (u32 i = 2; i + 2 < kMaxFrames; ++i) EXPECT_EQ(frames[i], frames[2]) << i;
}

/// A thread's stack ends elsewhere than the first one's.
TEST(Stack, IsFollowedOverPagesInEveryThread) {
  u32 depth = 0;
  std::thread([&] {
    const void* frames[kMaxFrames];
    depth = capture_below(kMaxFrames, frames, kMaxFrames);
  }).join();
  EXPECT_EQ(depth, kMaxFrames);
}

TEST_F(TrackerTest, FramesOfTheLibraryAreLeftOutUnlessThereAreNoOthers) {
  for (const bool own : {false, true}) {
    TestHeap other;
    Tracker records;
    ASSERT_TRUE(records.init(other, true, own ? [](const void*) { return true; } : [](const void*) { return false; }));
    other.tracker = &records;
    other.use(kDefaultPolicy);
    ThreadCache* thread = other.attach();
    void* p = other.malloc(thread, 100);
    other.table->release(other, thread, p, Api::kDelete);
    ASSERT_EQ(other.fault(), "new-delete-mismatch");
    EXPECT_GT(other.last.alloc_depth, 0U);
    EXPECT_LE(other.last.alloc_depth, kMaxFrames);
    other.tracker = nullptr;
    records.destroy(other);
  }
}

/// One stack per path: each bit calls from another place.
[[gnu::noinline]] void* malloc_by_path(TestHeap& heap, ThreadCache* cache, unsigned path, int bits) {
  void* p = nullptr;
  if (bits == 0) {
    p = heap.malloc(cache, 24);
  } else if (path & 1) {
    p = malloc_by_path(heap, cache, path >> 1, bits - 1);
    asm volatile("" ::: "memory");
  } else {
    asm volatile("nop" : "+r"(path));  // a compiler would make one call of the two
    p = malloc_by_path(heap, cache, path >> 1, bits - 1);
    asm volatile("nop" ::: "memory");
  }
  return p;
}

TEST_F(TrackerTest, ThousandsOfStacksAreKeptApart) {
  constexpr int kBits = 12;
  std::vector<void*> blocks;
  for (unsigned path = 0; path < 1U << kBits; ++path) blocks.push_back(malloc_by_path(heap, cache, path, kBits));
  std::set<std::vector<const void*>> stacks;
  for (void* p : blocks) {
    put(p, Api::kDelete);
    ASSERT_EQ(heap.fault(), "new-delete-mismatch");
    ASSERT_EQ(heap.last.alloc_depth, kMaxFrames);
    stacks.insert(std::vector<const void*>(heap.last.alloc_stack, heap.last.alloc_stack + kMaxFrames));
  }
  // The innermost frames are those of the allocator and of the test: paths that differ in the last bits alone
  // end in the same sixteen. Others never do, although they meet in buckets of the table.
  EXPECT_GE(stacks.size() * 8, blocks.size());
  EXPECT_EQ(blocks.size() % stacks.size(), 0U) << stacks.size();
  // The same stack again is the same entry of the table.
  const void* const* stored[2];
  for (const void* const*& entry : stored) {
    put(malloc_by_path(heap, cache, 5, kBits), Api::kDelete);
    ASSERT_EQ(heap.fault(), "new-delete-mismatch");
    entry = heap.last.alloc_stack;
  }
  EXPECT_EQ(stored[0], stored[1]);
}

TEST(Stack, IsCapturedOnAnyStackWithoutLeavingIt) {
  const void* frames[kMaxFrames];
  EXPECT_LE(capture_stack(frames, kMaxFrames), kMaxFrames);
  EXPECT_EQ(capture_stack(frames, 0), 0U);
}

}  // namespace
}  // namespace hak::test
