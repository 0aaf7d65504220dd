#pragma once
// Every policy instantiated: the entry points that a thread takes which does not run the compiled
// default. One table per policy, and one with the tracker around it.
#include "front/tracked.h"

namespace hak {

struct EntryTable {
  void* (*allocate)(HeapCore&, ThreadCache*, std::size_t bytes, Api);
  void (*release)(HeapCore&, ThreadCache*, void* p, Api);
  void* (*calloc)(HeapCore&, ThreadCache*, std::size_t count, std::size_t size, Api);
  void* (*allocate_aligned)(HeapCore&, ThreadCache*, std::size_t alignment, std::size_t bytes, Api);
  void* (*reallocate)(HeapCore&, ThreadCache*, void* p, std::size_t bytes, Api);
  void (*release_sized)(HeapCore&, ThreadCache*, void* p, std::size_t bytes, std::size_t alignment, Api);
  std::size_t (*usable)(HeapCore&, void* p, Api);
};

/// The instantiation of a policy; `tracked` with exact records around it.
const EntryTable& entry_table(Policy policy, bool tracked);

}  // namespace hak
