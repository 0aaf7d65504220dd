#pragma once
// The words that a process has outside of its heap: what its own threads, libraries and mappings hold.
#include "core/reach.h"

namespace hak {

/// Gives `reach` every word that the process has written outside of the heap and of the allocator's own
/// tables, and then those of all blocks that are so reached. Null when done, else why it cannot be.
/// `stack`: the calling thread's stack from there on is the program's. Of other threads the whole stack
/// counts, what has returned from it included. They are stopped meanwhile; `*stopped` becomes false if that
/// could not be done, and what only their registers hold is then not reached.
///
/// Memory is read through /proc/self/mem, which takes nothing amiss: where they could not be stopped, threads
/// may unmap or close what is being read.
const char* mark_reachable(HeapCore& heap, const void* stack, Reach* reach, bool* stopped);

}  // namespace hak
