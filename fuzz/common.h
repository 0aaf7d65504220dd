#pragma once
// What the targets share: a failed oracle ends the process the way fuzzers understand, after printing
// the script.
#include <cstdio>
#include <cstdlib>

#include "model/runner.h"

namespace hak::fuzz {

inline void stop_on_failure(const props::Outcome& outcome, const props::Script& script, const char* how) {
  if (outcome.ok) return;
  std::fprintf(stderr, "%s\nreplay with %s:\n%s", outcome.message.c_str(), how,
               props::format_text(script).c_str());
  std::abort();
}

/// Crashes stay crashes: the fuzzer keeps the input and prints the stack.
inline constexpr props::Runner::Config kConfig = {.catch_signals = false, .observe = false, .audit_each = false};

}  // namespace hak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const hak::u8* data, std::size_t size);
