#pragma once
// Where the heap lies, for tools that read a process or a core from outside: `hakmem stats`, the gdb
// commands. One exported object, `hakmem_layout`, found through the symbol table. Everything in it is
// an address or an offset, so a reader needs no debug information and no structure of its own; it
// compares `bytes` and `magic` and refuses another layout.
//
// It leads to nothing that the library's own data, at fixed distances in the same file, does not.
#include "core/tracker.h"

namespace hak {

struct Layout {
  char magic[8];  ///< "hakmap1"
  // Addresses.
  u64 build_info;      ///< const char*
  u64 base, reserved_bytes, seed;
  u64 state;           ///< u8 by granule
  u64 spans;           ///< Span by unit
  u64 span_of;         ///< u32 by unit
  u64 frontier_at;     ///< u32*: units in use
  u64 caches_at;       ///< ThreadCache**: list of all
  u64 strides;         ///< const u32 by class
  u64 records;         ///< Record by granule, 0 if nothing is tracked
  u64 records_committed_at;
  u64 frames;          ///< stacks: depth and addresses, by id; 0 if there are none
  u64 process_state;   ///< 0 not started, 1 ready, 2 calls go to libc
  u64 bytes;           ///< of this object
  // Sizes and offsets, bytes.
  u32 unit_bytes, granule_bytes, class_count, debug;
  u32 span_bytes, span_kind, span_class, span_header, span_dirty, span_units, span_carved, span_free;
  u32 span_slots, span_stride, span_start, span_requested, span_block, span_owner;
  u32 cache_pairs, cache_pair_bytes, cache_pair_free;
  u32 cache_id, cache_thread, cache_counters, cache_next, cache_in_use, magazine_bytes;
  u32 record_bytes, record_requested, record_alloc_stack, record_free_stack, record_alloc_thread;
  u32 record_free_thread, record_live;
};

}  // namespace hak

extern "C" {
extern hak::Layout hakmem_layout;
}

namespace hak {

/// Fills hakmem_layout. Once, when the heap is ready or has failed to be.
void publish(const HeapCore& heap, const Tracker& tracker);
/// Every call goes to libc.
void publish_libc();

}  // namespace hak
