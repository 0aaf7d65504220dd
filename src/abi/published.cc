#include "abi/published.h"

#include <stddef.h>
#include <string.h>

#include "abi/report.h"

extern "C" {
[[gnu::visibility("default")]] constinit hak::Layout hakmem_layout = {};
}

namespace hak {
namespace {

constexpr char kLayoutMagic[8] = {'h', 'a', 'k', 'm', 'a', 'p', '1', 0};

void publish_head(Layout& to) {
  memcpy(to.magic, kLayoutMagic, sizeof to.magic);
  to.build_info = address_of(build_info());
  to.bytes = sizeof(Layout);
}

void publish_offsets(Layout& to) {
  to.unit_bytes = kUnitBytes;
  to.granule_bytes = kGranuleBytes;
  to.class_count = kClassCount;
  to.debug = kDebugBuild;
  to.span_bytes = sizeof(Span);
  to.span_kind = offsetof(Span, kind);
  to.span_class = offsetof(Span, size_class);
  to.span_header = offsetof(Span, header);
  to.span_dirty = offsetof(Span, dirty);
  to.span_units = offsetof(Span, units);
  to.span_carved = offsetof(Span, carved);
  to.span_free = offsetof(Span, free_count);
  to.span_slots = offsetof(Span, slots);
  to.span_stride = offsetof(Span, stride);
  to.span_start = offsetof(Span, start);
  to.span_requested = offsetof(Span, requested_bytes);
  to.span_block = offsetof(Span, block_bytes);
  to.span_owner = offsetof(Span, owner);
  to.cache_pairs = offsetof(ThreadCache, pairs);
  to.cache_pair_bytes = sizeof(MagazinePair);
  to.cache_pair_free = offsetof(MagazinePair, free_top);
  to.cache_id = offsetof(ThreadCache, id);
  to.cache_thread = offsetof(ThreadCache, thread);
  to.cache_counters = offsetof(ThreadCache, counters);
  to.cache_next = offsetof(ThreadCache, next_cache);
  to.cache_in_use = offsetof(ThreadCache, in_use);
  to.magazine_bytes = kMagazineBytes;
  to.record_bytes = sizeof(Record);
  to.record_requested = offsetof(Record, requested_bytes);
  to.record_alloc_stack = offsetof(Record, alloc_stack);
  to.record_free_stack = offsetof(Record, free_stack);
  to.record_alloc_thread = offsetof(Record, alloc_thread);
  to.record_free_thread = offsetof(Record, free_thread);
  to.record_live = offsetof(Record, live);
}

}  // namespace

void publish(const HeapCore& heap, const Tracker& tracker) {
  Layout& to = hakmem_layout;
  publish_head(to);
  publish_offsets(to);
  to.strides = address_of(kStrides.data());
  to.caches_at = address_of(&heap.caches);
  to.frontier_at = address_of(heap.arena.frontier_at());
  if (!heap.ready) return;
  to.base = heap.arena.base;
  to.reserved_bytes = heap.arena.reserved_bytes();
  to.seed = heap.seed;
  to.state = address_of(heap.arena.state);
  to.spans = address_of(heap.arena.spans());
  to.span_of = address_of(heap.arena.span_map());
  const Tracker::Tables tables = tracker.tables();
  if (heap.tracker) {
    to.records = address_of(tables.records);
    to.records_committed_at = address_of(tables.committed);
    to.frames = address_of(tables.frames);
  }
  __atomic_store_n(&to.process_state, 1, __ATOMIC_RELEASE);
}

void publish_libc() {
  publish_head(hakmem_layout);
  __atomic_store_n(&hakmem_layout.process_state, 2, __ATOMIC_RELEASE);
}

}  // namespace hak
