#include "crew.h"

namespace hak::test {
namespace {

constexpr std::size_t kMixed = 200000;

TEST_F(StressTest, LocalWorkInEveryThread) {
  crew(4, [](Worker& worker, int) {
    for (int i = 0; i < scaled(1500000); ++i) worker.step(kMixed);
    worker.end_all();
  });
  expect_all_well();
}

TEST_F(StressTest, ProducersAndConsumers) {
  constexpr int kPairs = 2;
  Belt belts[kPairs];
  std::atomic<int> producing{kPairs};
  crew(2 * kPairs, [&](Worker& worker, int index) {
    Belt& belt = belts[index / 2];
    if (index % 2 == 0) {
      for (int i = 0; i < scaled(150000); ++i) {
        while (belt.size() > 2000) std::this_thread::yield();
        belt.put(worker.make(kMixed));
      }
      --producing;
      return;
    }
    for (;;) {
      const bool last_round = producing.load() == 0;
      Item item;
      while (belt.take(&item)) worker.end(item);
      if (last_round) break;
    }
  });
  expect_all_well();
}

TEST_F(StressTest, EverybodyFreesEverybodysBlocks) {
  Belt belt;
  crew(4, [&](Worker& worker, int) {
    for (int i = 0; i < scaled(1000000); ++i) {
      Item item;
      if (worker.random().below(2)) {
        belt.put(worker.make(kMixed));
      } else if (belt.take(&item)) {
        worker.end(item);
      }
    }
  });
  crew(1, [&](Worker& worker, int) {
    for (Item item; belt.take(&item);) worker.end(item);
  });
  expect_all_well();
}

/// R2: one thread posts frees while the owner collects. Whatever the race, afterwards every slab with a
/// posted bit is on the owner's list, or nobody would ever look at it.
TEST_F(StressTest, NoPostedFreeIsForgotten) {
  ThreadCache* own = heap.attach();
  ThreadCache* other = heap.attach();
  std::vector<void*> blocks;
  std::atomic<int> round{0}, posted{0};
  const int rounds = scaled(500);
  std::thread poster([&] {
    for (int i = 1; i <= rounds; ++i) {
      while (round.load(std::memory_order_acquire) < i) std::this_thread::yield();
      for (void* p : blocks) heap.free(other, p);
      posted.store(i, std::memory_order_release);
    }
  });
  int forgotten = 0;
  for (int i = 1; i <= rounds; ++i) {
    blocks.clear();
    for (int k = 0; k < 300; ++k) blocks.push_back(heap.malloc(own, k % 2 ? 16 : 400));
    round.store(i, std::memory_order_release);
    while (posted.load(std::memory_order_acquire) < i) {
      Locked slow(own->slow_lock);
      collect_remote(heap, *own);
    }
    for (u32 at = 0; at < heap.arena.frontier(); at += heap.arena.span(at)->units) {
      const Span& slab = *heap.arena.span(at);
      if (slab.kind != SpanKind::kSlab || slab.owner.load() == nullptr || slab.queued.load() != 0) continue;
      for (u32 w = 0; w * 64 < slab.slots; ++w) forgotten += heap.arena.remote_bits(at)[w].load() != 0;
    }
  }
  poster.join();
  EXPECT_EQ(forgotten, 0);
  heap.detach(own);
  heap.detach(other);
  expect_all_well();
}

TEST_F(StressTest, ThreadsComeAndGoAndLeaveBlocksBehind) {
  Belt left_behind;
  std::vector<std::thread> streams;
  for (int stream = 0; stream < 3; ++stream) {
    streams.emplace_back([&, stream] {
      for (int life = 0; life < scaled(4000); ++life) {
        std::thread([&] {
          Worker worker(heap, static_cast<u64>(stream * 100000 + life));
          for (int i = 0; i < 60; ++i) left_behind.put(worker.make(3000));
          Item item;
          for (int i = 0; i < 60 && left_behind.take(&item); ++i) worker.end(item);
          damaged += worker.damaged;
        }).join();
      }
    });
  }
  for (auto& stream : streams) stream.join();
  crew(1, [&](Worker& worker, int) {
    for (Item item; left_behind.take(&item);) worker.end(item);
  });
  EXPECT_LE(heap.cache_count, 8U) << "caches of ended threads are used again";
  expect_all_well();
}

TEST_F(StressTest, PurgeFromOutsideWhileOthersWork) {
  std::atomic<int> working{3};
  Belt belt;
  crew(4, [&](Worker& worker, int index) {
    if (index == 0) {
      while (working.load()) {
        heap.purge(worker.random().below(2) ? worker.cache() : nullptr);
        worker.step(kMixed);
      }
      worker.end_all();
      return;
    }
    for (int i = 0; i < scaled(800000); ++i) {
      worker.step(kMixed);
      if (i % 3) continue;
      Item item;
      belt.put(worker.make(1000));
      if (belt.take(&item)) worker.end(item);
    }
    worker.end_all();
    --working;
  });
  crew(1, [&](Worker& worker, int) {
    for (Item item; belt.take(&item);) worker.end(item);
  });
  expect_all_well();
}

TEST_F(StressTest, OptionsAndPoliciesChangeUnderLoad) {
  std::atomic<int> working{3};
  crew(4, [&](Worker& worker, int index) {
    Random& random = worker.random();
    if (index == 0) {
      while (working.load()) {
        heap.options.set(OptionId::kFastLaneMask, random.below(256));
        heap.options.set(OptionId::kPurgeDelayMs, random.below(20));
        std::this_thread::yield();
      }
      return;
    }
    for (int i = 0; i < scaled(1000000); ++i) {
      if (i % 50 == 0) worker.any_policy();
      worker.step(kMixed);
    }
    worker.end_all();
    --working;
  });
  expect_all_well();
}

TEST_F(StressTest, StatisticsAreTakenWhileOthersWork) {
  std::atomic<int> working{3};
  crew(4, [&](Worker& worker, int index) {
    if (index == 0) {
      while (working.load()) {
        const HeapStats stats = heap.stats();
        // Close, not exact; but never more than there can be.
        EXPECT_LE(stats.arena.slab_bytes + stats.arena.large_bytes, stats.arena.committed_bytes);
        EXPECT_LE(stats.live_bytes, stats.arena.committed_bytes);
      }
      return;
    }
    for (int i = 0; i < scaled(1000000); ++i) worker.step(kMixed);
    worker.end_all();
    --working;
  });
  expect_all_well();
}

TEST_F(StressTest, LargeBlocksGrowShrinkAndChangeHands) {
  Belt belt;
  crew(3, [&](Worker& worker, int) {
    Random& random = worker.random();
    for (int i = 0; i < scaled(8000); ++i) {
      Item item;
      if (random.below(2) || !belt.take(&item)) {
        item.bytes = 33000 + random.below(2000000);
        item.tag = static_cast<u8>(i | 1);
        item.p = heap.malloc(worker.cache(), item.bytes);
        if (!item.p) continue;
        fill(item);
        belt.put(item);
        continue;
      }
      damaged += !intact(item);
      if (random.below(2)) {
        const std::size_t bytes = 33000 + random.below(3000000);
        void* moved = heap.realloc(worker.cache(), item.p, bytes);
        if (moved) item = {moved, bytes, item.tag}, fill(item);
        belt.put(item);
      } else {
        heap.free(worker.cache(), item.p);
      }
      if (belt.size() > 60 && belt.take(&item)) worker.end(item);
    }
  });
  crew(1, [&](Worker& worker, int) {
    for (Item item; belt.take(&item);) worker.end(item);
  });
  expect_all_well();
}

}  // namespace
}  // namespace hak::test
