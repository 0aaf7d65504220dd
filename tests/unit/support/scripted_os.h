#pragma once
// The kernel with failures on order: call number `k` of a chosen set of calls fails, or every call
// from there on, and a ledger of what is reserved. One script at a time; not thread safe.
#include <map>
#include <string>

#include "os/os.h"

namespace hak::test {

enum Call : unsigned {
  kCallReserve = 1, kCallCommit = 2, kCallPurge = 4, kCallGuard = 8, kCallMove = 16,
  kCallUnguard = 32, kEveryCall = 63
};

struct Script {
  unsigned kinds = 0;      ///< which calls count
  u64 fail_at = 0;         ///< the call that fails, from 1; 0: none
  u64 fail_count = 1;      ///< how many in a row
  u64 calls = 0;           ///< counted so far
  u64 failed = 0;
  bool refuse_hints = false;  ///< reservations at a wanted address fail
  bool old_kernel = false;    ///< guards cost a mapping each, as before Linux 6.13
  u64 now_ms = 1000;
  std::size_t address_limit = ~std::size_t{0};
  std::map<std::uintptr_t, std::size_t> reserved;
  std::string complaint;   ///< first misuse of the seam

  bool fails(Call kind) {
    if (!(kinds & kind)) return false;
    ++calls;
    if (!fail_at || calls < fail_at || calls - fail_at >= fail_count) return false;
    ++failed;
    return true;
  }
  /// Starts over: from now on the `at`-th call of the kinds fails.
  void arm(unsigned which, u64 at, u64 count = 1) {
    kinds = which;
    fail_at = at;
    fail_count = count;
    calls = failed = 0;
  }
  void disarm() { arm(0, 0); }
  std::size_t reserved_bytes() const {
    std::size_t sum = 0;
    for (const auto& [at, bytes] : reserved) sum += bytes;
    return sum;
  }
};

/// The kernel, but under ThreadSanitizer without reservations at a wanted address: its mmap takes an
/// address it cannot shadow for "anywhere" and leaves MAP_FIXED_NOREPLACE set, which means zero then.
extern const Os kTestOs;

Script& script();
/// Forwards to kLinux what does not fail.
extern const Os kScripted;

}  // namespace hak::test
