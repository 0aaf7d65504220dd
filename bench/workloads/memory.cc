// Workloads whose point is memory as much as time.
#include "harness.h"
#include "random.h"
#include "resources.h"
#include "workload.h"

namespace hakbench {
namespace {

constexpr size_t kPage = 4096;

struct Slot {
  void* object;
  size_t size;
};

// Sizes drift from small to large and every eighth object stays: memory cut for the sizes of
// yesterday must serve those of today. After Robson's bound (1977) and the size changes of
// Wilson, Johnstone, Neely and Boles, "Dynamic storage allocation: a survey" (1995).
// The resident set is sampled at the end of the drift, with everything still live.
Result fragmentation(const Config& config) {
  constexpr uint64_t kPhases = 7;  // 16-32, 32-64, ... 1024-2048 bytes
  Random random(config.seed);
  Mapped<Slot> slots(config.live);
  Mapped<Slot> kept(kPhases * config.live / 8 + kPhases);
  size_t kept_count = 0;
  uint64_t live_bytes = 0;
  uint64_t peak = 0;
  const uint64_t steps = config.ops / kPhases + 1;
  const double begun = now(clock_for(config.threads));
  for (uint64_t phase = 0; phase < kPhases; ++phase) {
    const size_t low = size_t{16} << phase;
    for (uint64_t i = 0; i < steps; ++i) {
      Slot& slot = slots[random.below(config.live)];
      if (slot.object) {
        live_bytes -= slot.size;
        free(slot.object);
      }
      slot.size = random.between(low, 2 * low);
      slot.object = make(slot.size);
      live_bytes += slot.size;
      if (live_bytes > peak) peak = live_bytes;
    }
    for (size_t i = phase % 8; i < config.live; i += 8) {
      kept[kept_count++] = slots[i];
      slots[i] = {nullptr, 0};
    }
  }
  const double seconds = now(clock_for(config.threads)) - begun;
  const uint64_t resident = resident_kib();
  for (auto& slot : slots) free(slot.object);
  for (auto& slot : kept) free(slot.object);
  return {kPhases * steps, seconds, peak, resident, live_bytes};
}

// 32 KiB to 4 MiB, every page written: the cost of mapping, faulting and giving back.
Result large(const Config& config) {
  auto body = [&](uint64_t thread) {
    Random random(config.seed + thread);
    Mapped<void*> slots(config.live);
    for (uint64_t i = 0; i < config.ops; ++i) {
      void*& slot = slots[random.below(config.live)];
      if (slot) {
        free(slot);
        slot = nullptr;
      } else {
        const size_t size = (size_t{32768} << random.below(7)) + random.below(32768);
        slot = make(size);
        auto* bytes = static_cast<volatile unsigned char*>(slot);
        for (size_t at = 0; at < size; at += kPage) bytes[at] = 1;
      }
    }
    for (void* slot : slots) free(slot);
  };
  return {config.ops * config.threads, timed_team(config.threads, body), 0};
}

// Grows to `live` objects, frees all, and again: how much is given back in between (sampled after
// the last freeing), and what growing again costs. Counted per object.
Result purge_and_regrow(const Config& config) {
  Random random(config.seed);
  Mapped<void*> objects(config.live);
  uint64_t peak = 0;
  uint64_t done = 0;
  const double begun = now(clock_for(config.threads));
  while (done < config.ops) {
    uint64_t bytes = 0;
    for (auto& object : objects) {
      const size_t size = random.between(16, 1040);
      object = make(size);
      bytes += size;
    }
    for (void* object : objects) free(object);
    done += config.live;
    if (bytes > peak) peak = bytes;
  }
  const double seconds = now(clock_for(config.threads)) - begun;
  return {done, seconds, peak, resident_kib(), 0};
}

// `live` blocks of 1 MiB with two pages touched each, so that the heap spans that many MiB of address
// space and little of it is resident; small objects come and go among them, and every 1024th step
// replaces a block. What a step costs must not depend on the span. Counted per step.
Result address_space(const Config& config) {
  constexpr size_t kBlock = size_t{1} << 20;
  Random random(config.seed);
  Mapped<void*> blocks(config.live);
  for (auto& block : blocks) block = make(kBlock);
  Mapped<void*> slots(400);
  const double begun = now(clock_for(config.threads));
  for (uint64_t i = 0; i < config.ops; ++i) {
    if (i % 1024 == 0) {
      void*& block = blocks[random.below(config.live)];
      free(block);
      block = make(kBlock);
    }
    void*& slot = slots[random.below(400)];
    if (slot) {
      free(slot);
      slot = nullptr;
    } else {
      slot = make(random.between(16, 1040));
    }
  }
  const double seconds = now(clock_for(config.threads)) - begun;
  const uint64_t resident = resident_kib();
  for (void* slot : slots) free(slot);
  for (void* block : blocks) free(block);
  return {config.ops, seconds, config.live * kBlock, resident, 0};
}

constexpr uint64_t kMillion = 1000000;

constexpr Workload kWorkloads[] = {
    {"fragmentation", "sizes drift from 16 to 2048 bytes, an eighth stays", fragmentation,
     3 * kMillion, 1, 50000, false},
    {"address-space", "mixed among blocks of 1 MiB that are hardly touched", address_space,
     4 * kMillion, 1, 1024, false},
    {"large", "16 slots of 32 KiB-4 MiB, every page written", large, 20000, 1, 16, true},
    {"purge-and-regrow", "200,000 objects of 16-1040 bytes, all freed, again", purge_and_regrow,
     4 * kMillion, 1, 200000, false},
};

}  // namespace

std::span<const Workload> memory_workloads() { return kWorkloads; }

}  // namespace hakbench
