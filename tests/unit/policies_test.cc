// front: all 48 instantiations give the same pointers and verdicts for one script (F1), the FastLane
// gates, the route map (F3) and the context's generation (F2).
#include <gtest/gtest.h>

#include <string>

#include "front/routes.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

/// What a program can see: offsets of pointers, usable sizes, faults, errno, content.
std::vector<std::string> observe(const HeapSetup& setup, u64 script_seed, int steps) {
  TestHeap heap(setup);
  // What the real clock decides would be seen as a difference.
  heap.options.set(OptionId::kPurgeDelayMs, 3600000);
  ThreadCache* threads[3] = {heap.attach(), heap.attach(), heap.attach()};
  std::vector<std::string> seen;
  std::vector<void*> live;
  Random random(script_seed);
  const auto note = [&](const char* what, const void* p) {
    seen.push_back(std::string(what) + " " +
                   (p ? std::to_string(address_of(p) - heap.arena.base) : "null") + " " + heap.fault());
  };
  for (int i = 0; i < steps; ++i) {
    ThreadCache* thread = threads[random.below(3)];
    const std::size_t bytes = random.below(10) ? random.below(1200) : random.below(70000);
    const u32 choice = random.below(20);
    void* p = live.empty() ? nullptr : live[random.below(static_cast<u32>(live.size()))];
    if (choice < 8 || !p) {
      live.push_back(heap.malloc(thread, bytes));
      note("malloc", live.back());
    } else if (choice < 9) {
      live.push_back(heap.calloc(thread, 3, bytes));
      EXPECT_TRUE(all_bytes(live.back(), 3 * bytes, 0));
      note("calloc", live.back());
    } else if (choice < 10) {
      live.push_back(heap.aligned(thread, std::size_t{16} << random.below(10), bytes));
      note("aligned", live.back());
    } else if (choice < 12) {
      void* moved = heap.realloc(thread, p, bytes + 1);
      std::replace(live.begin(), live.end(), p, moved);
      note("realloc", moved);
    } else if (choice < 13) {
      heap.free(thread, bytes_of(p) + 16 * random.below(4) + random.below(3));
      // Offset 0 is a good free.
      if (heap.faults.empty()) live.erase(std::find(live.begin(), live.end(), p));
      note("wild free", p);
    } else if (choice < 14) {
      heap.free(thread, p);
      heap.free(threads[random.below(3)], p);
      live.erase(std::find(live.begin(), live.end(), p));
      note("double free", p);
    } else if (choice < 15) {
      seen.push_back("usable " + std::to_string(heap.usable(p)));
    } else {
      heap.free(thread, p);
      live.erase(std::find(live.begin(), live.end(), p));
      note("free", p);
    }
  }
  EXPECT_HEAP_WHOLE(heap);
  return seen;
}

TEST(PoliciesAgree, OneScriptSamePointersVerdictsAndSizes) {
  for (u64 seed : {1U, 2U, 3U}) {
    const auto expected = observe({.policy = policy_at(0)}, seed, 1500);
    for (unsigned index = 1; index < kPolicyCount; ++index)
      ASSERT_EQ(observe({.policy = policy_at(index)}, seed, 1500), expected) << "policy " << index;
  }
}

TEST(PoliciesAgree, UnderEveryProfile) {
  for (Profile profile : {Profile::kFast, Profile::kParanoid}) {
    const auto expected = observe({.profile = profile, .policy = policy_at(0)}, 4, 800);
    for (unsigned index = 1; index < kPolicyCount; ++index)
      ASSERT_EQ(observe({.profile = profile, .policy = policy_at(index)}, 4, 800), expected) << index;
  }
}

TEST(PoliciesAgree, ForEveryFastLaneMaskAndSize) {
  // F1: which classes the FastLane layer takes never shows.
  std::vector<std::size_t> expected;
  for (unsigned mask = 0; mask < 256; mask += 5) {
    for (bool env_ctx : {false, true}) {
      Policy policy = kDefaultPolicy;
      policy.direct = false;
      policy.env_ctx = env_ctx;
      TestHeap heap({.policy = policy});
      heap.options.set(OptionId::kFastLaneMask, mask);
      ThreadCache* cache = heap.attach();
      std::vector<std::size_t> offsets;
      for (std::size_t bytes = 0; bytes < 1200; bytes += 9) {
        void* p = heap.malloc(cache, bytes);
        offsets.push_back(address_of(p) - heap.arena.base);
        if (bytes % 2) heap.free(cache, p);
      }
      if (expected.empty()) expected = offsets;
      ASSERT_EQ(offsets, expected) << "mask " << mask;
      ASSERT_EQ(heap.fault(), "none");
    }
  }
}

TEST(RouteMap, F3EqualsTheLookupForEveryMaskAndClass) {
  for (unsigned mask = 0; mask < 256; ++mask) {
    TestHeap heap({.arena_bytes = std::size_t{32} << 20});
    heap.options.set(OptionId::kRouteMask, mask);
    ThreadCache* cache = heap.attach();
    for (unsigned route = 0; route < 8; ++route)
      EXPECT_EQ(lookup_route(heap.options, route) == Route::kThreadCache, (mask >> route & 1) != 0);
    EXPECT_EQ(lookup_route(heap.options, kMediumRoute), Route::kThreadCache);
    for (unsigned c = 0; c < kClassCount; ++c) {
      constexpr Policy kMap{true, true, Stats::kOff, true, true};
      constexpr Policy kMapNoCtx{true, false, Stats::kOff, true, true};
      constexpr Policy kLookup{true, true, Stats::kOff, true, false};
      const bool expected =
          kRouteOfClass[c] == kMediumRoute || (mask >> kRouteOfClass[c] & 1) != 0;
      ASSERT_EQ(served_by_cache<kMap>(heap, *cache, c), expected) << mask << " " << kStrides[c];
      ASSERT_EQ(served_by_cache<kMapNoCtx>(heap, *cache, c), expected);
      ASSERT_EQ(served_by_cache<kLookup>(heap, *cache, c), expected);
    }
  }
}

TEST(RouteMap, AClassThatIsSwitchedOffBypassesTheMagazines) {
  for (unsigned index = 0; index < kPolicyCount; ++index) {
    TestHeap heap({.arena_bytes = std::size_t{32} << 20, .policy = policy_at(index)});
    heap.options.set(OptionId::kRouteMask, 0xff & ~(1U << 3));
    ThreadCache* cache = heap.attach();
    const MagazinePair& off = cache->pair(class_of_bytes(80));
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(heap.malloc(cache, 80));
    EXPECT_EQ(alloc_count(off), 0U) << index;
    for (void* p : blocks) heap.free(cache, p);
    EXPECT_EQ(free_count(off), 0U) << index;
    EXPECT_EQ(heap.fault(), "none");
    void* p = heap.malloc(cache, 60);
    EXPECT_GT(alloc_count(cache->pair(class_of_bytes(60))), 0U);
    heap.free(cache, p);
    EXPECT_HEAP_WHOLE(heap);
    EXPECT_EQ(heap.stats().live_blocks, 0U);
  }
}

TEST(RouteMap, DoubleFreesAreSeenWhereMagazinesAreBypassed) {
  TestHeap heap({.tune = [](Options& options) { options.set(OptionId::kRouteMask, 0); }});
  ThreadCache* cache = heap.attach();
  for (std::size_t bytes : {1UL, 100UL, 1000UL}) {
    void* p = heap.malloc(cache, bytes);
    heap.free(cache, p);
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "double-free") << bytes;
  }
  EXPECT_HEAP_WHOLE(heap);
}

TEST(FastLaneCtx, F2IsReadAgainAfterEveryChange) {
  constexpr Policy kCtx{false, true, Stats::kOff, true, true};
  TestHeap heap;
  ThreadCache* cache = heap.attach();
  for (u64 mask : {255U, 0U, 1U, 128U, 255U}) {
    heap.options.set(OptionId::kFastLaneMask, mask);
    heap.options.set(OptionId::kRouteMask, mask ^ 255);
    EXPECT_EQ(gate_class_mask<kCtx>(heap, *cache), mask);
    EXPECT_EQ(gate_route_mask<kCtx>(heap, *cache), mask ^ 255);
    EXPECT_EQ(cache->ctx.generation, heap.options.generation());
  }
}

TEST(FastLaneCtx, BetweenChangesTheThreadReadsItsOwnCopy) {
  constexpr Policy kCtx{false, true, Stats::kOff, true, true};
  constexpr Policy kSnapshot{false, false, Stats::kOff, true, true};
  TestHeap heap;
  ThreadCache* cache = heap.attach();
  heap.options.set(OptionId::kFastLaneMask, 17);
  ASSERT_EQ(gate_class_mask<kCtx>(heap, *cache), 17);
  cache->ctx.class_mask = 99;
  EXPECT_EQ(gate_class_mask<kCtx>(heap, *cache), 99) << "the copy";
  EXPECT_EQ(gate_class_mask<kSnapshot>(heap, *cache), 17) << "the snapshot";
  ThreadCache* other = heap.attach();
  EXPECT_EQ(gate_class_mask<kCtx>(heap, *other), 17);
}

TEST(FastLaneCtx, ANewThreadInAReusedCacheReadsTheOptions) {
  constexpr Policy kCtx{false, true, Stats::kOff, true, true};
  TestHeap heap;
  ThreadCache* cache = heap.attach();
  gate_class_mask<kCtx>(heap, *cache);
  cache->ctx.class_mask = 99;
  heap.detach(cache);
  ASSERT_EQ(heap.attach(), cache);
  EXPECT_EQ(gate_class_mask<kCtx>(heap, *cache), 255);
}

/// Counts how often a thread is told that the options have changed.
int g_told = 0;
constexpr Unattached kCounting = {
    nullptr, nullptr, [](HeapCore&, ThreadCache&) { ++g_told; }, nullptr};

TEST(FastLaneCtx, EveryInstantiationLearnsOfAChangeAtItsNextRefill) {
  for (unsigned index = 0; index < kPolicyCount; ++index) {
    TestHeap heap({.arena_bytes = std::size_t{32} << 20, .policy = policy_at(index)});
    heap.unattached = &kCounting;
    ThreadCache* cache = heap.attach();
    const auto until_refill = [&] {
      const u64 before = cache->counters.refills;
      for (int i = 0; i < 200 && cache->counters.refills == before; ++i) heap.malloc(cache, 64);
    };
    until_refill();
    g_told = 0;
    until_refill();
    EXPECT_EQ(g_told, 0) << "nothing changed, policy " << index;
    heap.options.set(OptionId::kDirect, 0);
    until_refill();
    EXPECT_EQ(g_told, 1) << "policy " << index;
    until_refill();
    EXPECT_EQ(g_told, 1) << "once is enough, policy " << index;
  }
}

/// A slow path that was interrupted by a handler that came back to it.
/// V2 alone: where the evidence of the first look is forged inside a block, policy D off still sees
/// through it, and with D on nobody does (SECURITY.md says so).
TEST(SecondLook, SeesThroughForgedEvidence) {
  for (unsigned index = 0; index < kPolicyCount; ++index) {
    if (policy_at(index).trusted) continue;
    TestHeap heap({.policy = policy_at(index)});
    ThreadCache* cache = heap.attach();
    // One with another slot behind it, in which the header behind is forged too.
    void* p = heap.malloc(cache, 200);
    const Span& slab = heap.span_of(p);
    while (slab_slot_of(slab, p) + 1 >= slab.carved) p = heap.malloc(cache, 200);
    ASSERT_EQ(&heap.span_of(p), &slab);
    u8* inside = static_cast<u8*>(p) + 64;
    *heap.arena.state_of(inside) = inside[-1] = inside[slab.stride - 1] = slab.header;
    heap.free(cache, inside);
    EXPECT_EQ(heap.fault(), "interior-pointer") << index;
    EXPECT_EQ(heap.realloc(cache, inside, 10), nullptr);
    EXPECT_EQ(heap.fault(), "interior-pointer") << index;
    EXPECT_EQ(heap.usable(inside), 0U);
    EXPECT_EQ(heap.fault(), "interior-pointer") << index;
    *heap.arena.state_of(inside) = kNotASlot;
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "none");
  }
}

}  // namespace
}  // namespace hak::test
