#pragma once
// A heap instance for real threads: faults are recorded under a lock.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "support/test_heap.h"

namespace hak::test {

class StressHeap : public TestHeap {
 public:
  explicit StressHeap(const HeapSetup& setup = {.arena_bytes = std::size_t{512} << 20})
      : TestHeap(setup) {
    sink = record_locked;
  }

 private:
  static void record_locked(HeapCore& heap, const FaultRecord& record) {
    auto& self = static_cast<StressHeap&>(heap);
    const std::lock_guard<std::mutex> guard(self.mutex_);
    self.faults.push_back(record);
  }
  std::mutex mutex_;
};

}  // namespace hak::test
