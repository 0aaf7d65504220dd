#pragma once
// An operating system made of one large mapping: the seam of os/os.h without system calls, so that a
// heap can be made and wiped a hundred thousand times a second, every call can be made to fail, the
// clock is the script's, and what the allocator did with its pages can be asked.
#include "language/script.h"
#include "os/os.h"

namespace hak::props {

class SimOs {
 public:
  /// The table to give to HeapCore::init. One simulated system per process.
  static const Os& table();

  /// Where the next reservation will lie.
  static std::byte* position();
  /// Forgets all reservations. What was written must have been wiped by the caller.
  static void rewind();
  /// Follows the pages of this range (the arena) from now on. `closing` is called before a guard goes:
  /// the last moment at which the span in front of it can be looked at. `unguarded` is called where a
  /// guard was refused, whose span will close without a call. Without `closing` every purged page
  /// counts as touched.
  static void watch(const void* base, std::size_t bytes, void (*closing)(const void* guard),
                    void (*unguarded)(const void* guard));
  /// False if spans may close without a call of either.
  static bool exact();
  /// Bytes of the range were or may have been written; what is not touched is known to be zero.
  static void touch(const void* at, std::size_t bytes);
  /// Makes all touched bytes of the range (whole pages) zero again.
  static void wipe(const void* base, std::size_t bytes);

  /// Whether guards cost no mapping, as on Linux 6.13 and later.
  static void set_light_guards(bool on);
  /// The `nth` next call of that kind fails, once.
  static void fail(OsCall call, u64 nth);
  static u32 take_failures();
  static void tick(u64 ms);

  /// Null, or what is wrong with using these bytes.
  static const char* check_usable(const void* at, std::size_t bytes);
  /// True if the page that contains `at` is under a guard.
  static bool guarded(const void* at);
  /// Zeroes everything ever reserved, whoever wrote it.
  static void wipe_all();
  /// First address after `from` below the high-water mark that is not zero, or null. Slow: for the
  /// test that a wiped heap leaves nothing behind.
  static const void* first_residue();
};

}  // namespace hak::props
