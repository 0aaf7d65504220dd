// front/memory: calloc, realloc, aligned forms, usable size, on every policy and at every edge.
#include <gtest/gtest.h>

#include <cerrno>
#include <map>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

class MemoryTest : public testing::Test {
 protected:
  MemoryTest() : reset_((script() = Script{}, 0)), heap({.os = &kScripted}), cache(heap.attach()) {}

  int reset_;
  TestHeap heap;
  ThreadCache* cache;
};

const std::size_t kEdges[] = {0,    1,     15,    16,    17,    63,     64,     255,    256,
                              1023, 1024,  1039,  1040,  4095,  4096,   32766,  32767,  32768,
                              32782, 32783, 32784, 65535, 65536, 131072, 1048575, 1048576};

TEST_F(MemoryTest, UsableHoldsTheRequestAndCanBeFilled) {
  for (std::size_t bytes : kEdges) {
    void* p = heap.malloc(cache, bytes);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(address_of(p) % 16, 0U);
    const std::size_t usable = heap.usable(p);
    EXPECT_GE(usable, bytes);
    memset(p, 0xee, usable);
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "none") << bytes;
  }
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(MemoryTest, MallocOfNothingIsUnique) {
  std::map<void*, int> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(++seen[heap.malloc(cache, 0)], 1);
}

TEST_F(MemoryTest, CallocIsZeroWhateverLayThereBefore) {
  for (unsigned index = 0; index < kPolicyCount; index += 7) {
    heap.use(policy_at(index));
    for (int round = 0; round < 3; ++round) {
      for (std::size_t bytes : kEdges) {
        void* p = heap.calloc(cache, 1, bytes);
        ASSERT_TRUE(all_bytes(p, bytes, 0)) << bytes;
        memset(p, 0xff, heap.usable(p));
        heap.free(cache, p);
      }
    }
  }
  EXPECT_EQ(heap.fault(), "none");
}

TEST_F(MemoryTest, CallocOverflowIsRefused) {
  errno = 0;
  EXPECT_EQ(heap.calloc(cache, std::size_t{1} << 33, std::size_t{1} << 33), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(heap.calloc(cache, ~std::size_t{0}, 2), nullptr);
  EXPECT_EQ(heap.calloc(cache, 2, ~std::size_t{0} / 2 + 1), nullptr);
  EXPECT_NE(heap.calloc(cache, 0, ~std::size_t{0}), nullptr);
}

TEST_F(MemoryTest, ReallocKeepsContentBetweenAllSizes) {
  for (unsigned index : {0U, 5U, 15U, 31U, 47U}) {
    heap.use(policy_at(index));
    for (std::size_t from : kEdges) {
      for (std::size_t to : kEdges) {
        if (to == 0) continue;  // the C ABI decides that one
        auto* p = static_cast<u8*>(heap.malloc(cache, from));
        for (std::size_t i = 0; i < from; i += 61) p[i] = static_cast<u8>(i + from);
        auto* q = static_cast<u8*>(heap.realloc(cache, p, to));
        ASSERT_NE(q, nullptr);
        ASSERT_GE(heap.usable(q), to);
        for (std::size_t i = 0; i < from && i < to; i += 61)
          ASSERT_EQ(q[i], static_cast<u8>(i + from)) << from << " to " << to << " at " << i;
        heap.free(cache, q);
      }
    }
  }
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(MemoryTest, ReallocWithinTheSlotStaysAndSparesTheHeaders) {
  void* p = heap.malloc(cache, 100);
  EXPECT_EQ(heap.realloc(cache, p, heap.usable(p)), p);
  EXPECT_EQ(heap.realloc(cache, p, 97), p);
  memset(p, 1, heap.usable(p));
  heap.free(cache, p);
  EXPECT_EQ(heap.fault(), "none");
}

TEST_F(MemoryTest, AFailedReallocLeavesTheBlockAlone) {
  for (std::size_t bytes : {100UL, 40000UL, 3000000UL}) {
    void* p = heap.malloc(cache, bytes);
    memset(p, 0x3c, bytes);
    for (std::size_t wanted : {kArenaBytes, kMaxRequestBytes, kMaxRequestBytes + 1, ~std::size_t{0}}) {
      errno = 0;
      EXPECT_EQ(heap.realloc(cache, p, wanted), nullptr);
      EXPECT_EQ(errno, ENOMEM);
    }
    EXPECT_TRUE(all_bytes(p, bytes, 0x3c));
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "none");
  }
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(MemoryTest, ReallocOfAnothersBlock) {
  ThreadCache* other = heap.attach();
  void* p = heap.malloc(cache, 100);
  memset(p, 0x3c, 100);
  void* q = heap.realloc(other, p, 5000);
  EXPECT_TRUE(all_bytes(q, 100, 0x3c));
  EXPECT_EQ(state_kind(heap.state_of(p)), kRemoteBits);
  heap.free(cache, q);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(MemoryTest, LargeGrowthMovesPagesInsteadOfCopying) {
  auto* p = static_cast<u8*>(heap.malloc(cache, 2 << 20));
  for (std::size_t i = 0; i < 2 << 20; i += 4096) p[i] = static_cast<u8>(i >> 12);
  void* fence = heap.malloc(cache, 40000);
  script().arm(kCallMove, 0);
  auto* q = static_cast<u8*>(heap.realloc(cache, p, 8 << 20));
  EXPECT_EQ(script().calls, 1U) << "one mremap";
  script().disarm();
  ASSERT_NE(q, p);
  for (std::size_t i = 0; i < 2 << 20; i += 4096) ASSERT_EQ(q[i], static_cast<u8>(i >> 12));
  heap.free(cache, p);
  EXPECT_NE(heap.fault(), "none");
  heap.free(cache, q);
  heap.free(cache, fence);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(MemoryTest, AlignedBlocksOfEverySizeAndAlignment) {
  for (std::size_t alignment = 1; alignment <= std::size_t{1} << 22; alignment *= 2) {
    for (std::size_t bytes : kEdges) {
      void* p = heap.aligned(cache, alignment, bytes);
      ASSERT_NE(p, nullptr) << bytes << " at " << alignment;
      ASSERT_EQ(address_of(p) % alignment, 0U) << bytes << " at " << alignment;
      ASSERT_GE(heap.usable(p), bytes);
      memset(p, 0x5a, heap.usable(p));
      heap.free_sized(cache, p, bytes, alignment);
      ASSERT_EQ(heap.fault(), "none") << bytes << " at " << alignment;
    }
  }
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(MemoryTest, NullIsFreedByDoingNothing) {
  for (unsigned index = 0; index < kPolicyCount; ++index) {
    heap.use(policy_at(index));
    heap.free(cache, nullptr);
  }
  EXPECT_EQ(heap.fault(), "none");
}

TEST_F(MemoryTest, FreeKeepsErrnoOnEveryPath) {
  ThreadCache* other = heap.attach();
  std::vector<void*> blocks;
  for (int i = 0; i < 3000; ++i) blocks.push_back(heap.malloc(cache, 1 + static_cast<std::size_t>(i)));
  for (int i = 0; i < 30; ++i) blocks.push_back(heap.malloc(cache, 100000));
  blocks.push_back(heap.malloc(cache, 40 << 20));
  script().arm(kCallPurge | kCallUnguard, 2, 5);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    errno = 4711;
    heap.free(i % 3 ? cache : other, blocks[i]);
    ASSERT_EQ(errno, 4711) << i;
    script().now_ms += 10;
  }
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_HEAP_WHOLE(heap);
}

TEST_F(MemoryTest, RandomUseOfEverythingAgainstAModel) {
  struct Block { std::size_t bytes; u8 tag; };
  for (unsigned index : {0U, 15U, 22U, 47U}) {
    TestHeap fresh({.os = &kScripted, .policy = policy_at(index)});
    ThreadCache* threads[2] = {fresh.attach(), fresh.attach()};
    std::map<void*, Block> blocks;
    Random random(index + 1);
    for (int i = 0; i < 20000; ++i) {
      ThreadCache* thread = threads[random.below(2)];
      const std::size_t bytes = 1 + random.below(random.below(30) ? 2000 : 200000);
      const u8 tag = static_cast<u8>(i | 1);
      if (blocks.size() < 300 && random.below(2)) {
        void* p = random.below(3) ? fresh.malloc(thread, bytes)
                                  : fresh.aligned(thread, std::size_t{16} << random.below(9), bytes);
        ASSERT_NE(p, nullptr);
        memset(p, tag, bytes);
        ASSERT_TRUE(blocks.emplace(p, Block{bytes, tag}).second);
      } else if (!blocks.empty()) {
        auto at = blocks.begin();
        std::advance(at, random.below(static_cast<u32>(std::min<std::size_t>(blocks.size(), 8))));
        const auto [p, block] = *at;
        ASSERT_TRUE(all_bytes(p, block.bytes, block.tag)) << "step " << i;
        blocks.erase(at);
        if (random.below(3)) {
          fresh.free(thread, p);
        } else {
          void* q = fresh.realloc(thread, p, bytes);
          ASSERT_TRUE(all_bytes(q, std::min(bytes, block.bytes), block.tag)) << "step " << i;
          memset(q, tag, bytes);
          ASSERT_TRUE(blocks.emplace(q, Block{bytes, tag}).second);
        }
      }
      script().now_ms += 3;
      if (i % 2000 == 0) {
        ASSERT_HEAP_WHOLE(fresh);
      }
    }
    ASSERT_EQ(fresh.fault(), "none");
    EXPECT_EQ(fresh.stats().live_blocks, blocks.size());
  }
}

}  // namespace
}  // namespace hak::test
