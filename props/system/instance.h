#pragma once
// A heap instance on the simulated operating system, run through the entry table of one policy.
#include <vector>

#include "core/tracker.h"
#include "front/table.h"
#include "system/system.h"

namespace hak::props {

inline constexpr std::size_t kInstanceArenaBytes = std::size_t{32} << 20;

/// There is one heap object and one simulated machine in the process, whichever policy runs on it, so
/// that two policies see the same addresses. `reset` costs a few microseconds.
class InstanceSystem : public System {
 public:
  InstanceSystem(unsigned policy, bool tracked);
  ~InstanceSystem() override;
  InstanceSystem(const InstanceSystem&) = delete;
  InstanceSystem& operator=(const InstanceSystem&) = delete;

  /// Takes effect at the next reset.
  void set_policy(unsigned policy, bool tracked);
  unsigned policy() const { return policy_; }
  /// Takes the heap down now instead of at the next reset: for engines that account for what an input runs.
  void clear() { wipe(); }

  bool reset(const Script& script) override;
  void* allocate(unsigned thread, std::size_t bytes, Api api) override;
  void* calloc(unsigned thread, std::size_t count, std::size_t size) override;
  void* allocate_aligned(unsigned thread, std::size_t alignment, std::size_t bytes, Api api) override;
  void* reallocate(unsigned thread, void* p, std::size_t bytes) override;
  void* reallocate_array(unsigned thread, void* p, std::size_t count, std::size_t size) override;
  void release(unsigned thread, void* p, Api api) override;
  void release_sized(unsigned thread, void* p, std::size_t bytes, std::size_t alignment, Api api) override;
  std::size_t usable(unsigned thread, void* p) override;
  void thread_start(unsigned thread) override;
  void thread_exit(unsigned thread) override;
  void purge(unsigned thread) override;
  void tick(u64 ms) override;
  void os_fail(OsCall call, u64 nth) override;
  u32 take_os_failures() override;
  void set_option(Tunable tunable, u64 value) override;
  const char* fork_check(const char* (*check)(void*), void* context) override;
  Verdict take_verdict() override;
  HeapCore* heap() override;
  bool tracked() const override { return tracked_; }
  bool counts_every() const override { return policy_at(policy_).stats == Stats::kEvery; }
  const char* check_pages(const void* at, std::size_t bytes) override;
  bool watches_pages() const override { return true; }
  void touch(const void* at, std::size_t bytes) override;
  void sweep() override;
  void mark_broken() override { broken_ = true; }

  /// The context's cache, attached if need be; null when memory is exhausted. For tests that call the
  /// entry table themselves.
  ThreadCache* cache(unsigned thread);
  const EntryTable& table() const { return *table_; }

 private:
  ThreadCache* cache_for_release(unsigned thread);
  void wipe();
  void wipe_span(u32 unit);
  static void touch_slab(const Span& slab);
  static void close_slab(u32 unit);
  static void on_closing(const void* guard);
  static void on_unguarded(const void* guard);
  std::size_t room_of(const void* p) const;
  void* note_block(void* p, std::size_t bytes);
  void wipe_cache(ThreadCache& cache);

  unsigned policy_;
  bool tracked_;
  const EntryTable* table_;
  ThreadCache* caches_[kContextCount] = {};
  std::byte* records_ = nullptr;
  std::vector<u32> record_pages_;
  bool broken_ = false;
};

}  // namespace hak::props
