// The other entry points: calloc, realloc, aligned allocation, new and delete.
#include <new>

#include "harness.h"
#include "random.h"
#include "workload.h"

// clang 14 declares the sized form only with -fsized-deallocation; every C++ runtime has it.
void operator delete(void* object, size_t size) noexcept;

namespace hakbench {
namespace {

constexpr size_t kSlots = 400;

Result zeroed(const Config& config) {
  auto body = [&](uint64_t thread) {
    Random random(config.seed + thread);
    Mapped<void*> slots(kSlots);
    for (uint64_t i = 0; i < config.ops; ++i) {
      void*& slot = slots[random.below(kSlots)];
      if (slot) {
        free(slot);
        slot = nullptr;
      } else {
        const size_t size = random.between(16, 1040);
        slot = calloc(1, size);
        touch(slot, size);
      }
    }
    for (void* slot : slots) free(slot);
  };
  return {config.ops * config.threads, timed_team(config.threads, body), 0};
}

// A string or vector that grows by half until 64 KiB, several of them interleaved so that the
// space behind one is not simply free; counted per realloc.
Result realloc_growth(const Config& config) {
  constexpr size_t kGrowing = 16;
  auto body = [&](uint64_t thread) {
    Random random(config.seed + thread);
    struct Growing {
      void* object;
      size_t size;
    };
    Mapped<Growing> growing(kGrowing);
    for (uint64_t i = 0; i < config.ops; ++i) {
      Growing& one = growing[random.below(kGrowing)];
      if (one.size > 65536) {
        free(one.object);
        one = {nullptr, 0};
      }
      one.size = one.size ? one.size + one.size / 2 : 16;
      one.object = touch(realloc(one.object, one.size), one.size);
    }
    for (auto& one : growing) free(one.object);
  };
  return {config.ops * config.threads, timed_team(config.threads, body), 0};
}

Result aligned(const Config& config) {
  auto body = [&](uint64_t thread) {
    Random random(config.seed + thread);
    Mapped<void*> slots(kSlots);
    for (uint64_t i = 0; i < config.ops; ++i) {
      void*& slot = slots[random.below(kSlots)];
      if (slot) {
        free(slot);
        slot = nullptr;
      } else {
        const size_t alignment = size_t{16} << random.below(5);  // 16 to 256
        const size_t size = random.between(16, 1040);
        if (posix_memalign(&slot, alignment, size) != 0) die("posix_memalign failed");
        touch(slot, size);
      }
    }
    for (void* slot : slots) free(slot);
  };
  return {config.ops * config.threads, timed_team(config.threads, body), 0};
}

// What C++ programs do most: new and sized delete of small objects.
Result new_delete(const Config& config) {
  auto body = [&](uint64_t thread) {
    Random random(config.seed + thread);
    struct Slot {
      void* object;
      size_t size;
    };
    Mapped<Slot> slots(kSlots);
    for (uint64_t i = 0; i < config.ops; ++i) {
      Slot& slot = slots[random.below(kSlots)];
      if (slot.object) {
        ::operator delete(slot.object, slot.size);
        slot.object = nullptr;
      } else {
        slot.size = random.between(16, 256);
        slot.object = touch(::operator new(slot.size), slot.size);
      }
    }
    for (auto& slot : slots) {
      if (slot.object) ::operator delete(slot.object, slot.size);
    }
  };
  return {config.ops * config.threads, timed_team(config.threads, body), 0};
}

constexpr uint64_t kMillion = 1000000;

constexpr Workload kWorkloads[] = {
    {"calloc", "mixed by calloc", zeroed, 15 * kMillion, 1, 0, true},
    {"realloc-growth", "16 buffers that grow by half to 64 KiB", realloc_growth, 5 * kMillion, 1, 0,
     true},
    {"aligned", "mixed by posix_memalign, alignments 16-256", aligned, 10 * kMillion, 1, 0, true},
    {"new-delete", "400 slots, 16-256 bytes by operator new", new_delete, 20 * kMillion, 1, 0,
     true},
};

}  // namespace

std::span<const Workload> api_workloads() { return kWorkloads; }

}  // namespace hakbench
