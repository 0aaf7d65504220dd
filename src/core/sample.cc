// Which allocations the guard slots serve, and what is known of them afterwards.
#include "core/tracker.h"
#include "core/validate.h"

namespace hak {
namespace {

Trace trace_here() {
  Trace trace;
  trace.depth = capture_stack(trace.frames, kSampleFrames);
  trace.thread = known_thread_id();
  return trace;
}

}  // namespace

void HeapCore::enable_sampling(u32 every, u32 slots) {
  if (!ready || every == 0 || slots == 0) return;
  if (guarded.init(slots, seed * 0x94d049bb133111ebULL)) sample_every = every;
}

u32 draw_countdown(const HeapCore& heap, Random& random) {
  return heap.sample_every ? 1 + random.below(2 * heap.sample_every - 1) : 0;
}

void* allocate_sampled(HeapCore& heap, ThreadCache& cache, std::size_t bytes) {
  cache.sample_countdown = draw_countdown(heap, cache.random);
  if (heap.sample_every == 0 || in_locked_section()) return nullptr;
  const unsigned size_class = class_of_bytes(bytes);
  // The aligned forms ask for all of a slot and rely on how its class is aligned.
  const std::size_t alignment =
      bytes + 1 == kStrides[size_class] ? class_alignment(size_class) : kGranuleBytes;
  return heap.guarded.allocate(bytes, alignment, size_class, trace_here());
}

void HeapCore::release_claimed(void* p) {
  const u32 unit = arena.span_of(arena.unit_of(p));
  Span& span = *arena.span(unit);
  if (in_locked_section()) return put_off(unit);
  if (span.sample == 0) return large.release(p);
  guarded.release(span, trace_here());
}

/// Nobody else links the span of a block that is neither live nor cached.
void HeapCore::put_off(u32 unit) {
  Span& span = *arena.span(unit);
  span.next = postponed.load(kRelaxed);
  while (!postponed.compare_exchange_strong(span.next, unit, kRelease, kRelaxed)) {
  }
}

void HeapCore::release_postponed() {
  if (HAK_LIKELY(postponed.load(kRelaxed) == kNoSpan) || HAK_SEEDED(kPutOffLost)) return;
  for (u32 unit = postponed.exchange(kNoSpan, kAcquire); unit != kNoSpan;) {
    Span& span = *arena.span(unit);
    unit = span.next;
    release_claimed(span.start);
  }
}

namespace {

/// What was written beside the claimed sampled block, kNone if nothing; always kNone for others.
Fault check_sampled(HeapCore& heap, void* p, FaultRecord* record) {
  const Span& span = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)));
  if (span.sample == 0) return Fault::kNone;
  u8 expected = 0;
  const u8* damaged = heap.guarded.damage(span, &expected);
  if (!damaged) return Fault::kNone;
  Validator::diagnose(heap, p, record);
  record->ptr = damaged;
  record->header_expected = expected;
  record->header_found = *damaged;
  record->has_header = true;
  return address_of(damaged) < address_of(span.start) ? Fault::kUnderflow : Fault::kOverflow;
}

}  // namespace

Claim claim_large(HeapCore& heap, void* p, Api api) {
  if (!Validator::is_live_large(heap.arena, p) || !heap.large.claim(p)) return Claim::kNotLive;
  FaultRecord record;
  record.fault = check_sampled(heap, p, &record);
  if (HAK_LIKELY(record.fault == Fault::kNone)) return Claim::kHeld;
  heap.large.unclaim(p);
  record.api = api;
  heap.raise(record);
  return Claim::kDamaged;
}

}  // namespace hak
