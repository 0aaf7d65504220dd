// One size, and the order of frees as the only difference.
#include <utility>

#include "harness.h"
#include "random.h"
#include "workload.h"

namespace hakbench {
namespace {

template <size_t kSize>
Result pair(const Config& config) {
  auto body = [&](uint64_t) {
    for (uint64_t i = 0; i < config.ops; ++i) free(make(kSize));
  };
  return {config.ops * config.threads, timed_team(config.threads, body), 0};
}

enum class Order { kLifo, kFifo, kRandom };

// Fills `live` slots and frees them all, over and over; counted in pairs.
template <size_t kSize, Order kOrder>
Result fill_and_free(const Config& config) {
  auto body = [&](uint64_t thread) {
    Random random(config.seed + thread);
    Mapped<void*> objects(config.live);
    Mapped<uint32_t> order(config.live);
    for (size_t i = 0; i < config.live; ++i) order[i] = static_cast<uint32_t>(i);
    if (kOrder == Order::kLifo) {
      for (size_t i = 0; i < config.live; ++i) {
        order[i] = static_cast<uint32_t>(config.live - 1 - i);
      }
    } else if (kOrder == Order::kRandom) {
      for (size_t i = config.live - 1; i > 0; --i) {
        std::swap(order[i], order[random.below(i + 1)]);
      }
    }
    for (uint64_t done = 0; done < config.ops; done += config.live) {
      for (auto& object : objects) object = make(kSize);
      for (const uint32_t index : order) free(objects[index]);
    }
  };
  const double seconds = timed_team(config.threads, body);
  const uint64_t rounds = (config.ops + config.live - 1) / config.live;
  return {rounds * config.live * config.threads, seconds, config.live * kSize * config.threads};
}

constexpr uint64_t kMillion = 1000000;

constexpr Workload kWorkloads[] = {
    {"pair16", "malloc(16) and free", pair<16>, 30 * kMillion, 1, 0, true},
    {"pair64", "malloc(64) and free", pair<64>, 30 * kMillion, 1, 0, true},
    {"pair512", "malloc(512) and free", pair<512>, 30 * kMillion, 1, 0, true},
    {"pair4096", "malloc(4096) and free", pair<4096>, 15 * kMillion, 1, 0, true},
    {"batch100", "100 of 64 bytes, freed in order", fill_and_free<64, Order::kFifo>, 20 * kMillion,
     1, 100, true},
    {"lifo", "10,000 of 64 bytes, freed last first", fill_and_free<64, Order::kLifo>, 20 * kMillion,
     1, 10000, true},
    {"fifo", "10,000 of 64 bytes, freed first first", fill_and_free<64, Order::kFifo>,
     20 * kMillion, 1, 10000, true},
    {"random-free", "10,000 of 64 bytes, freed in random order", fill_and_free<64, Order::kRandom>,
     20 * kMillion, 1, 10000, true},
};

}  // namespace

std::span<const Workload> order_workloads() { return kWorkloads; }

}  // namespace hakbench
