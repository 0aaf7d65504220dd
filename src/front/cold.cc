#include "front/cold.h"

#include <errno.h>

#include "core/tracker.h"

namespace hak {

void* out_of_memory() {
  if (!HAK_SEEDED(kErrnoMissing)) errno = ENOMEM;
  return nullptr;
}

void raise_diagnosed(HeapCore& heap, const void* p, Api api, Fault otherwise) {
  FaultRecord record;
  const Fault fault = Validator::diagnose(heap, p, &record);
  record.fault = fault == Fault::kNone ? otherwise : fault;
  record.api = api;
  if (heap.tracker && record.block_begin) heap.tracker->describe(heap, record.block_begin, &record);
  heap.raise(record);
}

bool release_large_or_fault(HeapCore& heap, void* p, Api api) {
  const Claim claim = claim_large(heap, p, api);
  if (claim == Claim::kDamaged) return false;
  if (claim == Claim::kHeld) {
    heap.release_claimed(p);
    if (HAK_SEEDED(kErrnoChanged)) errno = EAGAIN;
    heap.tick();
    return true;
  }
  if (HAK_UNLIKELY(heap.takes_foreign(p))) {
    heap.foreign->release(p);
    return false;
  }
  // If the pointer is a live slot by now, another thread freed and reused it between two looks.
  raise_diagnosed(heap, p, api, Fault::kRacingFree);
  return false;
}

bool release_foreign_slot(HeapCore& heap, void* p, Api api) {
  const u32 unit = heap.arena.span_of(heap.arena.unit_of(p));
  const Span& slab = *heap.arena.span(unit);
  const bool intact =
      !heap.trailing_check || HAK_SEEDED(kRemoteTrailingSkipped) ||
      byte_at(p, static_cast<std::ptrdiff_t>(slab.stride) - 1) == slab.header;
  if (HAK_LIKELY(intact) && HAK_LIKELY(post_remote(heap, p, slab.header, !in_locked_section()))) return true;
  raise_diagnosed(heap, p, api, Fault::kRacingFree);
  return false;
}

/// The thread's own lists are in the middle of a change below us: the bit alone records the free, and
/// whoever collects the slab next finds it.
void release_reentered(HeapCore& heap, void* p, Api api) {
  if (!post_remote(heap, p, byte_at(p, -1), false)) raise_diagnosed(heap, p, api, Fault::kRacingFree);
}

}  // namespace hak
