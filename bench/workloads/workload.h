// What a workload is: a function that does a number of operations and says how long they took.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hakbench {

struct Config {
  uint64_t ops;  // operations of each thread
  uint64_t threads;
  uint64_t seed;
  uint64_t live;  // live objects of each thread, where the workload keeps some
};

struct Result {
  uint64_t ops;              // operations of all threads, as the workload counts them
  double seconds;            // the measured part, without set-up; see clock_for in harness.h
  uint64_t live_peak_bytes;  // most bytes asked for at one time; 0 where it means nothing
  // A resident set taken at a telling moment, and the bytes live at that moment.
  uint64_t sampled_resident_kib = 0;
  uint64_t sampled_live_bytes = 0;
};

struct Workload {
  const char* name;
  const char* about;
  Result (*run)(const Config&);
  uint64_t ops;
  uint64_t threads;  // the default
  uint64_t live;     // the default; 0 where the workload has no such number
  bool any_threads;  // whether --threads may change it
};

std::span<const Workload> single_workloads();
std::span<const Workload> order_workloads();
std::span<const Workload> api_workloads();
std::span<const Workload> shared_workloads();
std::span<const Workload> memory_workloads();

}  // namespace hakbench
