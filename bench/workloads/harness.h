// What the workloads share: memory of their own, touching, clocks and teams of threads.
#pragma once

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "workload.h"

namespace hakbench {

[[noreturn]] inline void die(const char* message) {
  fprintf(stderr, "hakmem-bench: %s\n", message);
  exit(2);
}

// The harness's own arrays are mapped, so that the allocator serves the workload and nothing else.
template <typename T>
class Mapped {
 public:
  explicit Mapped(size_t count) : count_(count), bytes_((count ? count : 1) * sizeof(T)) {
    void* memory =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("no memory for the harness's own arrays");
    data_ = static_cast<T*>(memory);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() { munmap(data_, bytes_); }

  T& operator[](size_t index) { return data_[index]; }
  [[nodiscard]] size_t size() const { return count_; }
  T* begin() { return data_; }
  T* end() { return data_ + count_; }

 private:
  T* data_;
  size_t count_;
  size_t bytes_;
};

// A user writes what was asked for: the first and the last byte stand for it.
inline void* touch(void* object, size_t size) {
  if (!object) die("out of memory");
  auto* bytes = static_cast<volatile unsigned char*>(object);
  bytes[0] = 0x5a;
  bytes[size - 1] = 0xa5;
  return object;
}

// Out of the compiler's sight: it may remove a malloc whose result goes nowhere.
inline void* make(size_t size) {
  void* object = malloc(size);
  asm volatile("" : "+r"(object));
  return touch(object, size);
}

// One thread is measured in processor time: on a machine that others use as well, what they take
// is not the allocator's. Several threads wait for one another, and waiting counts: wall time.
inline clockid_t clock_for(uint64_t threads) {
  return threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
}

inline double now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Runs body(thread index) on `threads` threads that start together; seconds from the first that begins to
// the last that ends, by their own readings: who waits for them may be woken when they are long at work.
// One thread runs here, without a team: a process with one thread is the commonest kind.
template <typename Body>
double timed_team(uint64_t threads, const Body& body) {
  if (threads == 1) {
    const double start = now(clock_for(threads));
    body(uint64_t{0});
    return now(clock_for(threads)) - start;
  }
  struct Member {
    pthread_t handle;
    uint64_t index;
    const Body* body;
    pthread_barrier_t* start;
    double begun;
    double ended;
  };
  Mapped<Member> members(threads);
  pthread_barrier_t start;
  pthread_barrier_init(&start, nullptr, static_cast<unsigned>(threads));
  for (uint64_t i = 0; i < threads; ++i) {
    members[i].index = i;
    members[i].body = &body;
    members[i].start = &start;
    auto entry = [](void* argument) -> void* {
      auto* member = static_cast<Member*>(argument);
      pthread_barrier_wait(member->start);
      member->begun = now(CLOCK_MONOTONIC);
      (*member->body)(member->index);
      member->ended = now(CLOCK_MONOTONIC);
      return nullptr;
    };
    if (pthread_create(&members[i].handle, nullptr, entry, &members[i]) != 0) {
      die("cannot start a thread");
    }
  }
  double begun = 0, ended = 0;
  for (auto& member : members) {
    pthread_join(member.handle, nullptr);
    if (begun == 0 || member.begun < begun) begun = member.begun;
    if (member.ended > ended) ended = member.ended;
  }
  pthread_barrier_destroy(&start);
  return ended - begun;
}

}  // namespace hakbench
