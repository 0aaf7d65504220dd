#pragma once
// Runs code that may crash or fail one of the allocator's own checks, and lives to report it.
#include <csetjmp>
#include <cstddef>

#include "base/text.h"

namespace hak::props {

/// Calls body(context). Null if it returned; else what stopped it: the text of a failed HAK_CHECK, or
/// the signal. What the body held is leaked, not unwound; the heap it worked on must be thrown away.
/// Not reentrant. With `catch_signals` false a crash kills the process, as fuzzers want it.
const char* run_guarded(void (*body)(void*), void* context, bool catch_signals);

/// Ends the body that is running with this text; returns if none is.
void stop_guarded(const Text& text);

}  // namespace hak::props
