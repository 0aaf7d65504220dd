#pragma once
// A system under test: something that allocates on behalf of the contexts of a script.
#include "core/heap_core.h"
#include "language/script.h"

namespace hak::props {

/// What the system said about the operation since it was last asked.
struct Verdict {
  Fault fault = Fault::kNone;
  u32 count = 0;  ///< reports raised; an operation may raise one
  const void* ptr = nullptr;
  bool has_record = false;  ///< the record as the sink got it
  FaultRecord record;
};

class ProcessSystem;

class System {
 public:
  virtual ~System() = default;
  /// Empty heap, configuration of the script, only context 0 running. False: no memory for it.
  virtual bool reset(const Script& script) = 0;

  // The C rules are the system's: size 0, overflow, errno, null pointers, bad alignment.
  virtual void* allocate(unsigned thread, std::size_t bytes, Api api) = 0;
  virtual void* calloc(unsigned thread, std::size_t count, std::size_t size) = 0;
  virtual void* allocate_aligned(unsigned thread, std::size_t alignment, std::size_t bytes, Api api) = 0;
  virtual void* reallocate(unsigned thread, void* p, std::size_t bytes) = 0;
  virtual void* reallocate_array(unsigned thread, void* p, std::size_t count, std::size_t size) = 0;
  virtual void release(unsigned thread, void* p, Api api) = 0;
  virtual void release_sized(unsigned thread, void* p, std::size_t bytes, std::size_t alignment, Api api) = 0;
  virtual std::size_t usable(unsigned thread, void* p) = 0;

  virtual void thread_start(unsigned thread) = 0;
  virtual void thread_exit(unsigned thread) = 0;
  virtual void purge(unsigned thread) = 0;
  virtual void tick(u64) {}
  virtual void os_fail(OsCall, u64) {}
  /// Failures of the operating system injected since the last call of this function.
  virtual u32 take_os_failures() { return 0; }
  virtual void set_option(Tunable, u64) {}
  /// The system as a process, for the operations of version 2; null: they are left out.
  virtual ProcessSystem* process() { return nullptr; }
  /// Forks, runs `check` on the heap of the child, and returns what is wrong there; null without fork.
  virtual const char* fork_check(const char* (*)(void*), void*) { return nullptr; }

  virtual Verdict take_verdict() { return {}; }
  /// The heap behind it, for geometry and invariants; null for a foreign allocator, whose scripts
  /// are run without their misuse.
  virtual HeapCore* heap() { return nullptr; }
  virtual bool tracked() const { return false; }
  /// Whether the system counts every operation exactly (policy C `every`).
  virtual bool counts_every() const { return false; }
  /// The program writes to its memory there.
  virtual void touch(const void*, std::size_t) {}
  /// Takes in frees of slabs that have no owner, without giving memory back.
  virtual void sweep() {}
  virtual bool watches_pages() const { return false; }
  /// Contexts are threads of a process that outlives the script: what they cache stays.
  virtual bool keeps_contexts() const { return false; }
  /// Larger requests (below PTRDIFF_MAX) are left out: they might be served.
  virtual std::size_t max_request() const { return ~std::size_t{0}; }
  /// The last operation ended in a failed check or a crash: trust nothing at the next reset.
  virtual void mark_broken() {}
  /// Null, or what is wrong with the pages of a block: not committed, or under a guard.
  virtual const char* check_pages(const void*, std::size_t) { return nullptr; }
};

}  // namespace hak::props
