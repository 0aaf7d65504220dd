#pragma once
// The words that a process has outside of its heap: what its own threads, libraries and mappings hold.
#include "core/reach.h"

namespace hak {

/// Gives `reach` every word that the process has written outside of the heap and of the allocator's own
/// tables, and then those of all blocks that are so reached. Null when done, else why it cannot be.
/// `stack`: the calling thread's stack from there on is the program's. Of other threads the whole stack
/// counts, what has returned from it included, and their registers do not; they go on running.
///
/// Memory is read through /proc/self/mem, which takes nothing amiss: another thread may unmap or close what
/// is being read.
const char* mark_reachable(HeapCore& heap, const void* stack, Reach* reach);

}  // namespace hak
