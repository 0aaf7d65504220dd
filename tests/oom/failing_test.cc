// Every call to the kernel fails once, and from some call on for good, during every operation: the
// operation gives a block or null with ENOMEM, nothing is lost, nothing else changes, and once the
// kernel is willing again everything works.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <tuple>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

struct Block {
  void* p;
  std::size_t bytes;
  u8 tag;
};

/// A heap that has been used a little, and blocks whose content must survive.
struct Scene {
  explicit Scene(const HeapSetup& setup) : heap(setup), cache(heap.attach()), other(heap.attach()) {
    for (std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{60}, std::size_t{900},
                              std::size_t{5000}, std::size_t{40000}, 2 * kMiB})
      keep(heap.malloc(cache, bytes), bytes);
    for (int i = 0; i < 200; ++i) heap.free(cache, heap.malloc(cache, 60));
    heap.free(cache, heap.malloc(cache, 100000));
    heap.free(other, heap.malloc(cache, 300));
  }
  void keep(void* p, std::size_t bytes) {
    ASSERT_NE(p, nullptr);
    const u8 tag = static_cast<u8>(blocks.size() + 1);
    memset(p, tag, bytes);
    blocks.push_back({p, bytes, tag});
  }
  Block& big() { return blocks.back(); }
  Block& small() { return blocks[2]; }

  TestHeap heap;
  ThreadCache* cache;
  ThreadCache* other;
  std::vector<Block> blocks;
};

struct Operation {
  const char* name;
  /// Runs it. What it returns is given back afterwards; null is a refusal and needs ENOMEM.
  void* (*run)(Scene& scene);
  bool may_fail;
};

/// Moves a kept block; the scene goes on with where it is now.
void* resize(Scene& scene, Block& block, std::size_t bytes) {
  void* moved = scene.heap.realloc(scene.cache, block.p, bytes);
  if (!moved) return nullptr;
  const std::size_t kept = bytes < block.bytes ? bytes : block.bytes;
  EXPECT_TRUE(all_bytes(moved, kept, block.tag)) << "content lost on the way";
  block = {moved, bytes, block.tag};
  memset(moved, block.tag, bytes);
  return scene.heap.malloc(scene.cache, 1);
}

void* const kNothing = nullptr;

constexpr Operation kOperations[] = {
    {"malloc of a new class", [](Scene& s) { return s.heap.malloc(s.cache, 700); }, true},
    {"malloc of the largest class", [](Scene& s) { return s.heap.malloc(s.cache, 32000); }, true},
    {"malloc of a large block", [](Scene& s) { return s.heap.malloc(s.cache, 3 * kMiB); }, true},
    {"malloc of a cached large block", [](Scene& s) { return s.heap.malloc(s.cache, 100000); }, true},
    {"calloc of a large block",
     [](Scene& s) {
       void* p = s.heap.calloc(s.cache, 5, kMiB);
       EXPECT_TRUE(!p || all_bytes(p, 5 * kMiB, 0));
       return p;
     },
     true},
    {"calloc over old content",
     [](Scene& s) {
       void* p = s.heap.calloc(s.cache, 1, 100000);
       EXPECT_TRUE(!p || all_bytes(p, 100000, 0));
       return p;
     },
     true},
    {"aligned block",
     [](Scene& s) {
       void* p = s.heap.aligned(s.cache, kMiB, 70000);
       EXPECT_EQ(address_of(p) % kMiB, 0U);
       return p;
     },
     true},
    {"realloc within slabs", [](Scene& s) { return resize(s, s.small(), 1500); }, true},
    {"realloc slab to large", [](Scene& s) { return resize(s, s.small(), 50000); }, true},
    {"realloc large, a little more", [](Scene& s) { return resize(s, s.big(), 2 * kMiB + 20000); }, true},
    {"realloc large, much more", [](Scene& s) { return resize(s, s.big(), 7 * kMiB); }, true},
    {"realloc large, less", [](Scene& s) { return resize(s, s.big(), 300000); }, true},
    {"realloc large to slab", [](Scene& s) { return resize(s, s.big(), 100); }, true},
    {"free of a large block",
     [](Scene& s) {
       s.heap.free(s.cache, s.big().p);
       s.blocks.pop_back();
       return kNothing;
     },
     false},
    {"free of a very large block",
     [](Scene& s) {
       if (void* p = s.heap.malloc(s.cache, 33 * kMiB)) s.heap.free(s.cache, p);
       return kNothing;
     },
     false},
    {"purge", [](Scene& s) { s.heap.purge(s.cache); return kNothing; }, false},
    {"tick long after",
     [](Scene& s) {
       script().now_ms += 1000;
       s.heap.tick();
       return kNothing;
     },
     false},
    {"exit of a thread",
     [](Scene& s) {
       for (int i = 0; i < 3000; ++i) s.heap.free(s.other, s.heap.malloc(s.other, 60));
       s.heap.detach(s.other);
       s.other = s.heap.attach();
       EXPECT_EQ(s.other == nullptr, false) << "an idle cache needs nothing of the kernel";
       return kNothing;
     },
     false},
    {"remote frees, and their collection",
     [](Scene& s) {
       std::vector<void*> passed;
       for (int i = 0; i < 500; ++i) passed.push_back(s.heap.malloc(s.other, 2000));
       for (void* p : passed)
         if (p) s.heap.free(s.cache, p);
       for (void*& p : passed) p = s.heap.malloc(s.other, 2000);
       for (void* p : passed)
         if (p) s.heap.free(s.other, p);
       return kNothing;
     },
     false},
    {"a new thread",
     [](Scene& s) {
       if (ThreadCache* third = s.heap.attach()) s.heap.detach(third);
       return kNothing;
     },
     false},
};

/// Where in the code a call was made is not known; which kinds fail is.
struct Kind {
  const char* name;
  unsigned calls;
};
constexpr Kind kKinds[] = {{"reserve", kCallReserve}, {"commit", kCallCommit}, {"purge", kCallPurge},
                           {"guard", kCallGuard},     {"unguard", kCallUnguard}, {"move", kCallMove},
                           {"every", kEveryCall}};

/// Parameters: profile tracked or not, kernel with dear guards or not.
class FailingKernel : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  HeapSetup setup() const {
    const bool tracked = std::get<0>(GetParam());
    return {.profile = tracked ? Profile::kParanoid : Profile::kHardened, .os = &kScripted,
            .tracked = tracked};
  }

  /// True if the script came as far as the call that was to fail.
  bool try_once(const Operation& operation, unsigned kinds, u64 at, u64 count) {
    script() = Script{};
    script().old_kernel = std::get<1>(GetParam());
    const bool reached = try_in_scene(operation, kinds, at, count);
    EXPECT_EQ(script().reserved_bytes(), 0U) << "address space kept after the heap's end";
    return reached;
  }

  bool try_in_scene(const Operation& operation, unsigned kinds, u64 at, u64 count) {
    Scene scene(setup());
    EXPECT_EQ(scene.heap.fault(), "none");
    script().arm(kinds, at, count);
    errno = 0;
    void* result = operation.run(scene);
    const int error = errno;
    const bool reached = script().failed != 0;
    script().disarm();
    if (operation.may_fail && !result) {
      EXPECT_EQ(error, ENOMEM);
      EXPECT_TRUE(reached) << "refused although no call failed";
    }
    EXPECT_EQ(script().complaint, "");
    EXPECT_EQ(scene.heap.fault(), "none");
    EXPECT_HEAP_WHOLE(scene.heap);
    for (const Block& block : scene.blocks)
      EXPECT_TRUE(all_bytes(block.p, block.bytes, block.tag)) << block.bytes << " bytes lost";
    // The kernel is willing again: the same works, and everything can be given back.
    void* again = operation.run(scene);
    EXPECT_EQ(again != nullptr, operation.may_fail);
    if (result) scene.heap.free(scene.cache, result);
    if (again) scene.heap.free(scene.cache, again);
    for (const Block& block : scene.blocks) scene.heap.free(scene.cache, block.p);
    scene.heap.purge(scene.other);
    scene.heap.purge(scene.cache);
    EXPECT_EQ(scene.heap.fault(), "none");
    EXPECT_HEAP_WHOLE(scene.heap);
    EXPECT_EQ(scene.heap.stats().live_blocks, 0U);
    EXPECT_EQ(scene.heap.stats().arena.slab_bytes, 0U);
    return reached;
  }
};

TEST_P(FailingKernel, OneCallOrAllFromThereOn) {
  u64 tried = 0;
  for (const Operation& operation : kOperations) {
    for (const Kind& kind : kKinds) {
      for (u64 count : {u64{1}, u64{1} << 40}) {
        for (u64 at = 1; at < 1000; ++at) {
          SCOPED_TRACE(std::string(operation.name) + ", " + kind.name + " call " + std::to_string(at) +
                       (count == 1 ? "" : " and all after it"));
          ++tried;
          if (!try_once(operation, kind.calls, at, count)) break;
          if (HasFailure()) return;
        }
      }
    }
  }
  EXPECT_GT(tried, 400U);
  std::printf("%llu cases\n", static_cast<unsigned long long>(tried));
}

TEST_P(FailingKernel, FromTheVeryFirstCall) {
  u64 tried = 0;
  for (const Kind& kind : kKinds) {
    for (u64 count : {u64{1}, u64{1} << 40}) {
      bool reached = true;
      for (u64 at = 1; reached; ++at, ++tried) {
        SCOPED_TRACE(std::string(kind.name) + " call " + std::to_string(at));
        script() = Script{};
        script().old_kernel = std::get<1>(GetParam());
        script().arm(kind.calls, at, count);
        {
          TestHeap heap(setup());
          ThreadCache* cache = heap.started ? heap.attach() : nullptr;
          void* p = cache ? heap.malloc(cache, 100) : nullptr;
          reached = script().failed != 0;
          script().disarm();
          EXPECT_TRUE(p || reached) << "refused although no call failed";
          if (p) heap.free(cache, p);
          if (heap.started) {
            if (!cache) cache = heap.attach();
            ASSERT_NE(cache, nullptr);
            p = heap.malloc(cache, 100);
            EXPECT_NE(p, nullptr) << "a heap that has started works when the kernel is willing";
            heap.free(cache, p);
            EXPECT_HEAP_WHOLE(heap);
          }
          EXPECT_EQ(heap.fault(), "none");
        }
        EXPECT_EQ(script().complaint, "");
        EXPECT_EQ(script().reserved_bytes(), 0U) << "address space kept after the heap's end";
        if (HasFailure()) return;
        ASSERT_LT(at, 1000U);
      }
    }
  }
  EXPECT_GT(tried, 40U);
  std::printf("%llu cases\n", static_cast<unsigned long long>(tried));
}

INSTANTIATE_TEST_SUITE_P(Everywhere, FailingKernel, testing::Combine(testing::Bool(), testing::Bool()),
                         [](const auto& with) {
                           return std::string(std::get<0>(with.param) ? "Tracked" : "Plain") +
                                  (std::get<1>(with.param) ? "DearGuards" : "FreeGuards");
                         });

TEST(Exhaustion, OfTheReservationIsRefusedAndMemoryComesBack) {
  for (std::size_t bytes : {100UL, 5000UL, 33000UL, 1UL << 20}) {
    script() = Script{};
    TestHeap heap({.os = &kScripted, .arena_bytes = 32 * kMiB});
    ThreadCache* cache = heap.attach();
    for (int round = 0; round < 3; ++round) {
      std::vector<void*> blocks;
      errno = 0;
      while (void* p = heap.malloc(cache, bytes)) blocks.push_back(p);
      EXPECT_EQ(errno, ENOMEM);
      // 33,000 bytes take a unit of 64 KiB, or two with a long guard.
      EXPECT_GT(blocks.size() * bytes, 12 * kMiB) << bytes;
      EXPECT_EQ(heap.arena.last_limit(), Limit::kAddressSpace);
      EXPECT_EQ(heap.calloc(cache, 1, 8 * kMiB), nullptr);
      EXPECT_EQ(heap.realloc(cache, blocks[0], 20 * kMiB), nullptr);
      EXPECT_HEAP_WHOLE(heap);
      // One block less and there is room for one again.
      heap.free(cache, blocks.back());
      blocks.back() = heap.malloc(cache, bytes);
      EXPECT_NE(blocks.back(), nullptr) << bytes;
      for (void* p : blocks) heap.free(cache, p);
      EXPECT_EQ(heap.fault(), "none");
      EXPECT_HEAP_WHOLE(heap);
    }
    // What slabs held can be large blocks after a purge, and the other way round.
    heap.purge(cache);
    EXPECT_NE(heap.malloc(cache, 25 * kMiB), nullptr) << bytes;
  }
}

TEST(Exhaustion, FreeMemoryOfEndedThreadsAndOtherClassesIsFound) {
  script() = Script{};
  TestHeap heap({.os = &kScripted, .arena_bytes = 32 * kMiB});
  ThreadCache* gone = heap.attach();
  std::vector<void*> blocks;
  while (void* p = heap.malloc(gone, 60)) blocks.push_back(p);
  heap.detach(gone);
  ThreadCache* cache = heap.attach();
  for (void* p : blocks) heap.free(cache, p);
  EXPECT_NE(heap.malloc(cache, 60), nullptr) << "what was freed of an ended thread's slabs";
  EXPECT_NE(heap.malloc(cache, 10 * kMiB), nullptr) << "its empty slabs";
  EXPECT_HEAP_WHOLE(heap);
}

}  // namespace
}  // namespace hak::test
