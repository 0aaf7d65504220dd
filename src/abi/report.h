#pragma once
// One report per fault, then what HAKMEM_ON_FAULT says. Written with write(2) only: allocates nothing,
// takes no lock. Async-signal-safe.
#include "core/heap_core.h"

namespace hak {

/// The process's fault sink.
void report_and_stop(HeapCore& heap, const FaultRecord& record);

/// The report as text: a line in the manner of the sanitizers, a human block, one key=value line, a
/// summary. `caller_stack` innermost first.
void format_report(const HeapCore& heap, const FaultRecord& record, const void* const* caller_stack,
                   u32 caller_depth, Text& out);

/// Version, build and policies in one line.
const char* build_info();

}  // namespace hak
