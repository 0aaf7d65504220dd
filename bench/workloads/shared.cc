// Threads that hand objects on, and threads whose objects may share a cache line.
#include <sched.h>

#include "harness.h"
#include "random.h"
#include "workload.h"

namespace hakbench {
namespace {

// After Larson and Krishnan, "Memory allocation for long-running server applications" (ISMM 1998),
// with the parameters of mimalloc-bench: each thread replaces random objects of 8-1000 bytes and
// leaves its array to a new thread, so every object may be freed by a thread that did not make it.
Result larson(const Config& config) {
  constexpr uint64_t kStepsOfOneThread = 50000;
  Mapped<void*> objects(config.live * config.threads);
  Random fill(config.seed);
  for (auto& object : objects) object = make(fill.between(8, 1000));
  double seconds = 0;
  uint64_t generation = 0;
  for (uint64_t done = 0; done < config.ops; done += kStepsOfOneThread, ++generation) {
    seconds += timed_team(config.threads, [&](uint64_t thread) {
      Random random(config.seed + generation * config.threads + thread + 1);
      // Rotating the arrays makes the next owner a thread of another place as well as a new one.
      const uint64_t base = ((thread + generation) % config.threads) * config.live;
      for (uint64_t i = 0; i < kStepsOfOneThread; ++i) {
        void*& object = objects[base + random.below(config.live)];
        free(object);
        object = make(random.between(8, 1000));
      }
    });
  }
  for (void* object : objects) free(object);
  return {generation * kStepsOfOneThread * config.threads, seconds, 0};
}

// One producer, one consumer, a bounded ring between them. Positions are published a group at a
// time, so that what is measured is the allocator and not the ring's own cache lines.
class Ring {
 public:
  void push(void* object) {
    while (pushed_ - head_.load(std::memory_order_acquire) == kCapacity) sched_yield();
    cells_[pushed_ % kCapacity] = object;
    if (++pushed_ % kGroup == 0) flush();
  }
  void flush() { tail_.store(pushed_, std::memory_order_release); }
  void* pop() {
    while (seen_ == popped_) {
      seen_ = tail_.load(std::memory_order_acquire);
      if (seen_ == popped_) sched_yield();
    }
    void* object = cells_[popped_ % kCapacity];
    if (++popped_ % kGroup == 0) head_.store(popped_, std::memory_order_release);
    return object;
  }

 private:
  static constexpr uint64_t kCapacity = 4096;
  static constexpr uint64_t kGroup = 64;
  void* cells_[kCapacity];
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
  alignas(64) uint64_t pushed_ = 0;  // the producer's
  alignas(64) uint64_t popped_ = 0;  // the consumer's
  uint64_t seen_ = 0;                // the tail as the consumer last read it
};

// Every free is remote: the extreme that Lever and Boreham ("malloc() performance in a
// multithreaded Linux environment", USENIX 2000) met in servers and xmalloc-test keeps measuring.
// Counted per object.
Result producer_consumer(const Config& config) {
  if (config.threads % 2 != 0) die("producer-consumer needs an even number of threads");
  Mapped<Ring> rings(config.threads / 2);
  const double seconds = timed_team(config.threads, [&](uint64_t thread) {
    Ring& ring = rings[thread / 2];
    if (thread % 2 == 0) {
      Random random(config.seed + thread);
      for (uint64_t i = 0; i < config.ops; ++i) ring.push(make(random.between(16, 256)));
      ring.flush();
    } else {
      for (uint64_t i = 0; i < config.ops; ++i) free(ring.pop());
    }
  });
  return {config.ops * (config.threads / 2), seconds, 0};
}

// Writes to an 8-byte object long enough that a cache line shared with another thread shows.
void scratch(uint64_t ops) {
  constexpr int kWrites = 400;
  for (uint64_t i = 0; i < ops; ++i) {
    auto* bytes = static_cast<volatile unsigned char*>(make(8));
    for (int write = 0; write < kWrites; ++write) {
      bytes[write % 8] = static_cast<unsigned char>(bytes[write % 8] + 1);
    }
    free(const_cast<unsigned char*>(bytes));
  }
}

// Passive false sharing, from Hoard (Berger, McKinley, Blumofe, Wilson, ASPLOS 2000): one thread
// makes neighbouring objects, each thread frees one; will it get that line's memory back?
Result cache_scratch(const Config& config) {
  Mapped<void*> objects(config.threads);
  for (auto& object : objects) object = make(8);
  const double seconds = timed_team(config.threads, [&](uint64_t thread) {
    free(objects[thread]);
    scratch(config.ops);
  });
  return {config.ops * config.threads, seconds, 0};
}

// Active false sharing, from Hoard: do threads that allocate at the same time share lines?
Result cache_thrash(const Config& config) {
  const double seconds = timed_team(config.threads, [&](uint64_t) { scratch(config.ops); });
  return {config.ops * config.threads, seconds, 0};
}

void* short_life(void*) {
  constexpr size_t kObjects = 64;
  void* objects[kObjects];
  for (size_t i = 0; i < kObjects; ++i) objects[i] = make(16 + i * 16);
  for (void* object : objects) free(object);
  return nullptr;
}

// Threads that live for 64 objects: what making and dropping the thread's caches costs.
// Counted per thread.
Result churn(const Config& config) {
  const double seconds = timed_team(config.threads, [&](uint64_t) {
    for (uint64_t i = 0; i < config.ops; ++i) {
      pthread_t thread;
      if (pthread_create(&thread, nullptr, short_life, nullptr) != 0) {
        die("cannot start a thread");
      }
      pthread_join(thread, nullptr);
    }
  });
  return {config.ops * config.threads, seconds, 0};
}

constexpr uint64_t kMillion = 1000000;

constexpr Workload kWorkloads[] = {
    {"larson", "threads replace objects of 8-1000 bytes and leave them to new threads", larson,
     4 * kMillion, 2, 5000, true},
    {"producer-consumer", "one thread allocates 16-256 bytes, another frees", producer_consumer,
     8 * kMillion, 2, 0, true},
    {"cache-scratch", "passive false sharing", cache_scratch, kMillion, 2, 0, true},
    {"cache-thrash", "active false sharing", cache_thrash, kMillion, 2, 0, true},
    {"churn", "threads that allocate 64 objects and exit", churn, 20000, 1, 0, true},
};

}  // namespace

std::span<const Workload> shared_workloads() { return kWorkloads; }

}  // namespace hakbench
