#pragma once
// What is written when the process ends: HAKMEM_HEAP_PROFILE, HAKMEM_LEAKS and HAKMEM_STATS_FILE. Not after
// _exit, abort or a signal.
#include "core/heap_core.h"

namespace hak {

/// Live blocks by allocation stack, in the text form of a heap profile that pprof reads: objects and
/// bytes in use, then the addresses; behind them /proc/self/maps. False where no stacks are kept.
/// Allocates nothing from the heap. The heap should be at rest.
/// Format: gperftools, "Gperftools Heap Profiler", section on the text output.
bool write_heap_profile(HeapCore& heap, int fd);

/// Writes what the options ask for. The stack from the caller on is the program's, for what is lost.
void write_at_exit(HeapCore& heap);

/// Statistics as one line of JSON.
void write_stats_line(HeapCore& heap, int fd);

}  // namespace hak
