#pragma once
// The heap is walkable: slot states are exact at every moment.
#include "core/heap_core.h"

namespace hak {

struct HeapStats {
  std::size_t live_blocks, live_bytes, cached_blocks, remote_blocks, slab_free_blocks, threads;
  OpCounters counters;
  ArenaStats arena;
};
/// Exact when the heap is at rest.
void collect_stats(HeapCore& heap, HeapStats* out);

/// Calls visit(block, usable bytes, context) for every live block, under the arena's lock.
void walk_live(HeapCore& heap, void (*visit)(void* block, std::size_t usable_bytes, void* context),
               void* context);

}  // namespace hak
