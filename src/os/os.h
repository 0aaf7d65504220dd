#pragma once
// What the allocator asks of the kernel, behind a table of functions so that a test can script every
// failure. No call here allocates from the heap or takes a lock of ours.
#include "base/types.h"

namespace hak {

/// All lengths in bytes, all addresses page aligned. A bool result is success; the caller degrades.
struct Os {
  /// Reserves address space without access or charge. `hint` 0 lets the kernel choose; otherwise the
  /// range is reserved exactly there or not at all. Null if it cannot be had.
  void* (*reserve)(std::uintptr_t hint, std::size_t bytes);
  /// Makes a reserved range readable and writable; fresh pages read as zero. What strict overcommit
  /// charges.
  bool (*commit)(void* at, std::size_t bytes);
  /// Gives the pages back; the range stays accessible and reads as zero.
  bool (*purge)(void* at, std::size_t bytes);
  /// Forbids access to the range (its content is lost) and allows it again. May be refused when the
  /// process has no mappings left (vm.max_map_count).
  bool (*guard)(void* at, std::size_t bytes);
  bool (*unguard)(void* at, std::size_t bytes);
  /// Moves the pages of [from, from+bytes) to `to`, leaving `from` accessible and zero.
  bool (*move)(void* from, void* to, std::size_t bytes);
  /// Gives the addresses back.
  void (*release)(void* at, std::size_t bytes);
  /// Hints that a range is sparse, so that huge pages would only waste memory.
  void (*sparse)(void* at, std::size_t bytes);
  /// True if guards cost no mapping (MADV_GUARD_INSTALL, Linux 6.13).
  bool (*light_guards)();
  /// Address space the process may have, bytes (RLIMIT_AS); SIZE_MAX without a limit.
  std::size_t (*address_limit)();
  /// Milliseconds of a clock that never goes back; coarse.
  u64 (*now_ms)();
  /// Unpredictable 64 bits.
  u64 (*entropy)();
};

/// The kernel itself.
extern const Os kLinux;

/// write(2) until all is out or it fails; keeps errno.
void write_all(int fd, const char* data, std::size_t size);
/// open(2) for appending a report; -1 on failure.
int open_for_report(const char* path);
/// Takes write access to whole pages away and gives it back; seal forbids ever to give it back, where
/// the kernel can (mseal, Linux 6.10). False if refused.
bool forbid_writing(void* at, std::size_t bytes);
bool allow_writing(void* at, std::size_t bytes);
bool seal(void* at, std::size_t bytes);
/// Id of the calling thread in the kernel.
u32 thread_id();
/// The same without a system call but the thread's first, and in the child of fork once it was told.
extern __thread u32 t_thread_id __attribute__((tls_model("initial-exec"), visibility("hidden")));
inline u32 known_thread_id() {
  if (HAK_UNLIKELY(t_thread_id == 0)) t_thread_id = thread_id();
  return t_thread_id;
}
void forget_thread_id();
u32 process_id();
/// The instruction that a signal interrupted, from its handler's third argument; null where unknown.
const void* interrupted_instruction(const void* context);

}  // namespace hak
