// Random replacement over a number of slots, in several size ranges.
#include "harness.h"
#include "random.h"
#include "workload.h"

namespace hakbench {
namespace {

struct Slot {
  void* object;
  size_t size;
};

// The design note's benchmark: each step picks a slot; a taken one is freed, an empty one filled.
// Counted per step, so an operation is one malloc or one free.
template <size_t kLow, size_t kHigh>
Result steps(const Config& config) {
  Mapped<uint64_t> peaks(config.threads);
  auto body = [&](uint64_t thread) {
    Random random(config.seed + thread);
    Mapped<Slot> slots(config.live);
    uint64_t live_bytes = 0;
    for (uint64_t i = 0; i < config.ops; ++i) {
      Slot& slot = slots[random.below(config.live)];
      if (slot.object) {
        live_bytes -= slot.size;
        free(slot.object);
        slot.object = nullptr;
      } else {
        slot.size = random.between(kLow, kHigh);
        slot.object = make(slot.size);
        live_bytes += slot.size;
        if (live_bytes > peaks[thread]) peaks[thread] = live_bytes;
      }
    }
    for (auto& slot : slots) free(slot.object);
  };
  const double seconds = timed_team(config.threads, body);
  uint64_t peak = 0;
  for (const uint64_t bytes : peaks) peak += bytes;
  return {config.ops * config.threads, seconds, peak};
}

// All slots taken first, then one replaced per step: the number of live objects stays what --live
// says, which is what the sweep over heap sizes needs. Counted per malloc or free.
template <size_t kLow, size_t kHigh>
Result replace(const Config& config) {
  Mapped<uint64_t> peaks(config.threads);
  Mapped<double> seconds_of(config.threads);
  auto body = [&](uint64_t thread) {
    Random random(config.seed + thread);
    Mapped<Slot> slots(config.live);
    for (auto& slot : slots) {
      slot.size = random.between(kLow, kHigh);
      slot.object = make(slot.size);
      peaks[thread] += slot.size;
    }
    const double begun = now(clock_for(config.threads));
    for (uint64_t i = 0; i < config.ops; i += 2) {
      Slot& slot = slots[random.below(config.live)];
      free(slot.object);
      slot.size = random.between(kLow, kHigh);
      slot.object = make(slot.size);
    }
    seconds_of[thread] = now(clock_for(config.threads)) - begun;
    for (auto& slot : slots) free(slot.object);
  };
  timed_team(config.threads, body);
  uint64_t peak = 0;
  double seconds = 0;
  for (uint64_t i = 0; i < config.threads; ++i) {
    peak += peaks[i];
    if (seconds_of[i] > seconds) seconds = seconds_of[i];
  }
  return {config.ops * config.threads, seconds, peak};
}

constexpr uint64_t kMillion = 1000000;

constexpr Workload kWorkloads[] = {
    {"mixed", "400 slots, 16-1040 bytes", steps<16, 1040>, 20 * kMillion, 1, 400, true},
    {"c6", "400 slots, 257-768 bytes: the note's class C6", steps<257, 768>, 20 * kMillion, 1, 400,
     true},
    {"c7", "400 slots, 769-1024 bytes: the note's class C7", steps<769, 1024>, 20 * kMillion, 1,
     400, true},
    {"small", "400 slots, 16-128 bytes", steps<16, 128>, 20 * kMillion, 1, 400, true},
    {"big", "400 slots, 1-32 KiB", steps<1024, 32768>, 4 * kMillion, 1, 400, true},
    {"live100k", "mixed with 200,000 slots, so about 100,000 live", steps<16, 1040>, 6 * kMillion,
     1, 200000, true},
    {"replace", "every slot taken, 16-1040 bytes, one replaced per step", replace<16, 1040>,
     4 * kMillion, 1, 100000, true},
    {"replace-small", "every slot taken, 16-128 bytes, one replaced per step", replace<16, 128>,
     4 * kMillion, 1, 100000, true},
};

}  // namespace

std::span<const Workload> single_workloads() { return kWorkloads; }

}  // namespace hakbench
