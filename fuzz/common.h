#pragma once
// What the targets share: how an input chooses policies, and how a failed oracle ends the process: the
// way fuzzers understand, after printing the script.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "model/agree.h"
#include "model/runner.h"

namespace hak::fuzz {

/// Crashes stay crashes: the fuzzer keeps the input and prints the stack.
inline constexpr props::Runner::Config kConfig = {.catch_signals = false, .observe = false, .audit_each = false};

/// The bytes before the script, in the targets that run one.
inline constexpr std::size_t kChoiceBytes = 1;

/// One policy, with exact records in a quarter of the choices.
struct HeapChoice {
  unsigned policy;
  bool tracked;
};
constexpr HeapChoice heap_choice(u8 byte) { return {byte % kPolicyCount, byte >= 192}; }

/// Two policies that differ in one switch: A, B, D, E are bits 0 to 3 of policy_index, C a number above.
struct PairChoice {
  unsigned left, right;
  bool tracked;
};
constexpr PairChoice pair_choice(u8 byte) {
  const unsigned rest = byte >> 3 & 15;
  const unsigned which = byte % 5;
  const unsigned left = which < 4 ? rest & ~(1U << which) : rest;
  return {left, which < 4 ? left | 1U << which : left + 32, (byte & 128) != 0};
}

inline void stop_on_failure(const props::Outcome& outcome, const props::Script& script, const char* how) {
  if (outcome.ok) return;
  std::fprintf(stderr, "%s\nreplay with hakmem-replay %s:\n%s", outcome.message.c_str(), how,
               props::format_text(script).c_str());
  std::abort();
}

/// Adds to what a campaign counts over all its processes: eight bytes of the file that
/// HAKMEM_FUZZ_OPERATIONS names. A process that a fuzzer kills loses nothing.
inline void count_operations(u64 operations) {
  static u64* const total = [] {
    const char* path = std::getenv("HAKMEM_FUZZ_OPERATIONS");
    const int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return static_cast<u64*>(nullptr);
    void* at = mmap(nullptr, sizeof(u64), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return at == MAP_FAILED ? nullptr : static_cast<u64*>(at);
  }();
  if (total) __atomic_fetch_add(total, operations, __ATOMIC_RELAXED);
}

}  // namespace hak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const hak::u8* data, std::size_t size);
