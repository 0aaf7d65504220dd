#pragma once
// The kernel behind the process heap, with failures on order. The linker puts this table where the
// allocator names kLinux (--wrap), so that os-fail works on the real system calls too.
#include "language/script.h"
#include "os/os.h"

namespace hak::props {

class KernelOs {
 public:
  static const Os& table();
  /// Calls `nth` to `nth + more` from now of that kind fail.
  static void fail(OsCall call, u64 nth, u64 more = 0);
  /// All of them, until fail or disarm.
  static void fail_always(OsCall call);
  static void disarm();
  /// Something else than the kernel may have the operation refused.
  static void note_failure();
  /// Failures since the last call of this function.
  static u32 take_failures();
  static u32 failures();

  /// From here on reservations are counted, and what is released must have been reserved.
  static void open_ledger();
  /// Bytes still reserved; ~0 if something was released that was not.
  static std::size_t close_ledger();
};

}  // namespace hak::props
