#pragma once
// A heap instance for tests: a small arena, faults recorded instead of reported, and "threads" that
// are parameters, so that any number of them runs in a fixed order on one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "core/tracker.h"
#include "core/walk.h"
#include "front/table.h"
#include "support/scripted_os.h"

namespace hak::test {

inline constexpr std::size_t kArenaBytes = std::size_t{64} << 20;

struct HeapSetup {
  Profile profile = Profile::kHardened;
  u64 seed = 1;
  const Os* os = &kTestOs;
  std::size_t arena_bytes = kArenaBytes;
  Policy policy = kDefaultPolicy;
  bool tracked = false;
  /// Changes options before the heap starts.
  void (*tune)(Options&) = nullptr;
};

class TestHeap : public HeapCore {
 public:
  explicit TestHeap(const HeapSetup& setup = {}) {
    options.load_defaults(setup.profile);
    if (setup.tune) setup.tune(options);
    started = init(*setup.os, setup.seed, record_fault, setup.arena_bytes);
    if (started && setup.tracked && records.init(*this, true)) {
      tracker = &records;
      zero_max_bytes = 0;  // as in the process: the tracker fills freed slots
    }
    use(setup.policy);
  }
  ~TestHeap() {
    if (tracker) records.destroy(*this);
    if (started) destroy();
  }

  void use(Policy policy) { table = &entry_table(policy, tracker != nullptr); }

  void* malloc(ThreadCache* cache, std::size_t bytes) {
    return table->allocate(*this, cache, bytes, Api::kMalloc);
  }
  void* calloc(ThreadCache* cache, std::size_t count, std::size_t size) {
    return table->calloc(*this, cache, count, size, Api::kCalloc);
  }
  void* aligned(ThreadCache* cache, std::size_t alignment, std::size_t bytes) {
    return table->allocate_aligned(*this, cache, alignment, bytes, Api::kAlignedAlloc);
  }
  void* realloc(ThreadCache* cache, void* p, std::size_t bytes) {
    return table->reallocate(*this, cache, p, bytes, Api::kRealloc);
  }
  void free(ThreadCache* cache, void* p) { table->release(*this, cache, p, Api::kFree); }
  void free_sized(ThreadCache* cache, void* p, std::size_t bytes, std::size_t alignment = 0) {
    table->release_sized(*this, cache, p, bytes, alignment, Api::kFreeSized);
  }
  std::size_t usable(void* p) { return table->usable(*this, p, Api::kUsableSize); }

  u32 unit_of_slot(const void* p) const { return arena.span_of(arena.unit_of(p)); }
  Span& span_of(const void* p) const { return *arena.span(unit_of_slot(p)); }
  u8 state_of(const void* p) const { return byte_load(arena.state_of(p)); }
  HeapStats stats() {
    HeapStats out;
    collect_stats(*this, &out);
    return out;
  }

  /// Id of the only fault since the last call, "none" if there was none.
  std::string fault() {
    if (faults.empty()) return "none";
    std::string id = fault_id(faults.front().fault);
    if (faults.size() > 1) id += " and more";
    last = faults.front();
    faults.clear();
    return id;
  }

  const EntryTable* table = nullptr;
  std::vector<FaultRecord> faults;
  FaultRecord last;
  Tracker records;
  bool started = false;

 private:
  static void record_fault(HeapCore& heap, const FaultRecord& record) {
    static_cast<TestHeap&>(heap).faults.push_back(record);
  }
};

/// Fails with the name of the broken invariant.
#define EXPECT_HEAP_WHOLE(heap) EXPECT_STREQ((heap).verify(), nullptr)
#define ASSERT_HEAP_WHOLE(heap) ASSERT_STREQ((heap).verify(), nullptr)

/// Asks the kernel, which answers with EFAULT instead of a signal.
inline bool readable(const void* at) {
  static int ends[2] = {-1, -1};
  if (ends[0] < 0 && pipe(ends) != 0) return false;
  char byte = 0;
  return write(ends[1], at, 1) == 1 && read(ends[0], &byte, 1) == 1;
}

inline std::byte* bytes_of(void* p) { return static_cast<std::byte*>(p); }
inline u8& byte_of(void* p, std::ptrdiff_t offset) { return static_cast<u8*>(p)[offset]; }

/// True if all `size` bytes at p equal `value`.
inline bool all_bytes(const void* p, std::size_t size, int value) {
  const auto* at = static_cast<const unsigned char*>(p);
  for (std::size_t i = 0; i < size; ++i)
    if (at[i] != static_cast<unsigned char>(value)) return false;
  return true;
}

}  // namespace hak::test
