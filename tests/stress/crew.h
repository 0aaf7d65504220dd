#pragma once
// Real threads on a heap instance: blocks that carry a checksum, hand-over between threads, and the
// checks at the end. Everything here is data-race free, so that ThreadSanitizer's word counts.
#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "support/test_heap.h"

namespace hak::test {

/// Work per thread: the sanitizer and Debug take more than ten times as long.
inline constexpr int scaled(int steps) {
  return HAK_TSAN ? steps / 25 : kDebugBuild ? steps / 4 : steps;
}

struct Item {
  void* p = nullptr;
  std::size_t bytes = 0;
  u8 tag = 0;
};

/// Fills the ends of a block, which is where neighbours would meet.
inline void fill(const Item& item) {
  const std::size_t edge = item.bytes < 64 ? item.bytes : 64;
  memset(item.p, item.tag, edge);
  memset(bytes_of(item.p) + item.bytes - edge, item.tag, edge);
}
inline bool intact(const Item& item) {
  const std::size_t edge = item.bytes < 64 ? item.bytes : 64;
  return all_bytes(item.p, edge, item.tag) &&
         all_bytes(bytes_of(item.p) + item.bytes - edge, edge, item.tag);
}

/// Items that one thread makes and another ends.
class Belt {
 public:
  void put(const Item& item) {
    const std::lock_guard<std::mutex> locked(mutex_);
    items_.push_back(item);
  }
  bool take(Item* out) {
    const std::lock_guard<std::mutex> locked(mutex_);
    if (items_.empty()) return false;
    *out = items_.front();
    items_.pop_front();
    return true;
  }
  std::size_t size() {
    const std::lock_guard<std::mutex> locked(mutex_);
    return items_.size();
  }

 private:
  std::mutex mutex_;
  std::deque<Item> items_;
};

/// A thread's view: its cache, its random numbers, what it holds.
class Worker {
 public:
  Worker(TestHeap& heap, u64 seed) : heap_(heap), cache_(heap.attach()), random_(seed) {}
  ~Worker() { heap_.detach(cache_); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Any instantiation may run on the heap at any time, beside any other.
  void any_policy() { table_ = &entry_table(policy_at(random_.below(kPolicyCount)), heap_.tracker != nullptr); }

  Item make(std::size_t most_bytes) {
    Item item;
    item.bytes = 1 + random_.below(static_cast<u32>(random_.below(64) ? 1500 : most_bytes));
    item.tag = static_cast<u8>(random_.below(255) + 1);
    item.p = table_->allocate(heap_, cache_, item.bytes, Api::kMalloc);
    if (item.p) fill(item);
    return item;
  }
  void end(const Item& item) {
    if (!intact(item)) ++damaged;
    table_->release(heap_, cache_, item.p, Api::kFree);
  }
  /// One step of ordinary work on the worker's own blocks.
  void step(std::size_t most_bytes) {
    const u32 which = random_.below(kHeld);
    Item& item = held_[which];
    if (!item.p) {
      item = make(most_bytes);
    } else if (random_.below(8) == 0) {
      if (!intact(item)) ++damaged;
      const std::size_t bytes = 1 + random_.below(3000);
      void* moved = table_->reallocate(heap_, cache_, item.p, bytes, Api::kRealloc);
      if (!moved) return;
      item = {moved, bytes, item.tag};
      fill(item);
    } else {
      end(item);
      item = {};
    }
  }
  void end_all() {
    for (Item& item : held_)
      if (item.p) end(item), item = {};
  }
  Random& random() { return random_; }
  ThreadCache* cache() { return cache_; }

  int damaged = 0;

 private:
  static constexpr u32 kHeld = 400;
  TestHeap& heap_;
  ThreadCache* cache_;
  Random random_;
  const EntryTable* table_ = &entry_table(kDefaultPolicy, false);
  Item held_[kHeld];
};

class StressTest : public testing::Test {
 protected:
  StressTest() : heap({.arena_bytes = std::size_t{512} << 20}) {}

  /// Runs body(worker, index) in `count` threads at once.
  template <typename Body>
  void crew(int count, Body&& body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i)
      threads.emplace_back([&, i] {
        Worker worker(heap, static_cast<u64>(i) + 1);
        body(worker, i);
        damaged += worker.damaged;
      });
    for (auto& thread : threads) thread.join();
  }
  void expect_all_well() {
    EXPECT_EQ(damaged.load(), 0);
    EXPECT_EQ(heap.fault(), "none");
    EXPECT_HEAP_WHOLE(heap);
    EXPECT_EQ(heap.stats().live_blocks, 0U) << "lost or left";
    heap.purge(nullptr);
    EXPECT_HEAP_WHOLE(heap);
    EXPECT_EQ(heap.stats().remote_blocks, 0U);
    EXPECT_EQ(heap.stats().arena.slab_bytes, 0U) << "every thread has ended and nothing is live";
  }

  TestHeap heap;
  std::atomic<int> damaged{0};
};

}  // namespace hak::test
