// Two threads free one block at the same moment. Whoever comes first, one free counts, the other is
// reported, and no slot is ever handed out twice.
#include "stress_heap.h"

namespace hak::test {
namespace {

constexpr int kBatch = 100;
constexpr int kBatches = HAK_TSAN ? 20 : 100;
constexpr std::size_t kSizes[] = {8, 24, 100, 1'000, 9'000, 30'000};

/// Two threads that free the same blocks in the same order, side by side.
class Racers {
 public:
  using Batch = std::vector<void*>;
  Racers(StressHeap& heap, ThreadCache* first, ThreadCache* second) : heap_(heap) {
    threads_[0] = std::thread([this, first] { run(0, first); });
    threads_[1] = std::thread([this, second] { run(1, second); });
  }
  ~Racers() {
    race({});
    for (std::thread& thread : threads_) thread.join();
  }
  Racers(const Racers&) = delete;
  Racers& operator=(const Racers&) = delete;

  /// Returns when both have freed all of them. An empty batch ends them.
  void race(const Batch& batch) {
    batch_ = batch;
    done_.store(0, std::memory_order_relaxed);
    for (std::atomic<int>& place : place_) place.store(0, std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    while (done_.load(std::memory_order_acquire) != 2) std::this_thread::yield();
  }

 private:
  void run(int self, ThreadCache* cache) {
    for (unsigned seen = 0;; ++seen) {
      while (round_.load(std::memory_order_acquire) == seen) std::this_thread::yield();
      const bool last = batch_.empty();
      for (void* p : batch_) {
        const int place = place_[self].fetch_add(1, std::memory_order_relaxed) + 1;
        // Together if the other runs at all; on one processor nobody waits for long.
        for (int spins = 0; place_[1 - self].load(std::memory_order_relaxed) < place; ++spins)
          if (spins == 2'000) break;
        heap_.free(cache, p);
      }
      done_.fetch_add(1, std::memory_order_release);
      if (last) return;
    }
  }

  StressHeap& heap_;
  std::thread threads_[2];
  Batch batch_;
  std::atomic<unsigned> round_{0};
  std::atomic<int> place_[2] = {};
  std::atomic<int> done_{0};
};

/// Blocks of all sizes, or all of one.
Racers::Batch take_batch(StressHeap& heap, ThreadCache* owner, std::size_t bytes = 0) {
  Racers::Batch batch;
  for (unsigned i = 0; i < kBatch; ++i)
    batch.push_back(heap.malloc(owner, bytes ? bytes : kSizes[i % std::size(kSizes)]));
  return batch;
}

/// Every block of the batch has exactly one fault, and is one that two threads may have. Returns how
/// many the owner's collection found.
int expect_one_fault_each(StressHeap& heap, const Racers::Batch& batch) {
  std::vector<const void*> reported;
  int racing = 0;
  for (const FaultRecord& record : heap.faults) {
    reported.push_back(record.ptr);
    racing += record.api == Api::kInternal;
    EXPECT_TRUE(record.fault == Fault::kDoubleFree || record.fault == Fault::kRacingFree ||
                record.fault == Fault::kFreedMemory)
        << fault_id(record.fault);
  }
  heap.faults.clear();
  std::vector<const void*> expected(batch.begin(), batch.end());
  std::sort(expected.begin(), expected.end());
  std::sort(reported.begin(), reported.end());
  EXPECT_EQ(reported, expected) << "one free is good, one is reported";
  return racing;
}

/// Takes far more slots of each size than there are, and looks for one that came twice.
void expect_every_slot_once(StressHeap& heap, ThreadCache* cache) {
  std::vector<void*> all;
  for (const std::size_t bytes : kSizes)
    for (int i = 0; i < 300; ++i) all.push_back(heap.malloc(cache, bytes));
  std::vector<void*> sorted = all;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_NE(sorted.front(), nullptr);
  EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end())
      << "a slot was handed out twice";
  for (void* p : all) heap.free(cache, p);
  EXPECT_EQ(heap.fault(), "none");
}

/// `owner` allocates; `first` and `second` free at once.
void run_trials(StressHeap& heap, ThreadCache* owner, ThreadCache* first, ThreadCache* second) {
  Racers racers(heap, first, second);
  int racing = 0;
  for (int i = 0; i < kBatches && !testing::Test::HasFailure(); ++i) {
    const Racers::Batch batch = take_batch(heap, owner);
    racers.race(batch);
    collect_remote(heap, *owner);
    racing += expect_one_fault_each(heap, batch);
    for (void* p : batch) EXPECT_EQ(state_kind(heap.state_of(p)), kFreeBits);
    EXPECT_HEAP_WHOLE(heap);
    if (i % 10 == 0) expect_every_slot_once(heap, owner);
  }
  testing::Test::RecordProperty("found_at_collection", racing);
  expect_every_slot_once(heap, owner);
  EXPECT_HEAP_WHOLE(heap);
}

TEST(StressDoubleFree, TwoStrangers) {
  StressHeap heap;
  run_trials(heap, heap.attach(), heap.attach(), heap.attach());
  EXPECT_HEAP_WHOLE(heap);
}

TEST(StressDoubleFree, OwnerAgainstStranger) {
  StressHeap heap;
  ThreadCache* owner = heap.attach();
  run_trials(heap, owner, owner, heap.attach());
  EXPECT_HEAP_WHOLE(heap);
}

TEST(StressDoubleFree, LargeBlocks) {
  StressHeap heap;
  ThreadCache* owner = heap.attach();
  Racers racers(heap, owner, heap.attach());
  for (int i = 0; i < kBatches && !HasFailure(); ++i) {
    const Racers::Batch batch = take_batch(heap, owner, 100'000);
    racers.race(batch);
    expect_one_fault_each(heap, batch);
    EXPECT_HEAP_WHOLE(heap);
  }
  Racers::Batch all = take_batch(heap, owner, 100'000);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end()) << "a block came twice";
  for (void* p : all) heap.free(owner, p);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_HEAP_WHOLE(heap);
}

}  // namespace
}  // namespace hak::test
