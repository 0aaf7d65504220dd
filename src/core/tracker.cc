#include "core/tracker.h"

#include "base/fill.h"
#include "core/validate.h"

#include <string.h>

namespace hak {
namespace {

constexpr u32 kProbes = 4;
constexpr u32 kFrameStep = 1U << 16;
constexpr std::size_t kRecordStep = 64 * kGranulesPerUnit;

u64 mix(u64 value) {
  value *= 0x9e3779b97f4a7c15ULL;
  return value ^ value >> 29;
}

FAST_PATH bool still_filled(const u8* bytes, std::size_t usable) {
  return holds_only(bytes + HAK_SEEDED(kFirstByteUnchecked), usable - HAK_SEEDED(kFirstByteUnchecked), kFreedByte);
}

/// The stored stack, its depth and then its frames, is this one.
FAST_PATH bool is_stack(const void* const* stored, const void* const* frames, u32 depth) {
  bool same = address_of(stored[0]) == depth;
  for (u32 i = 0; same && i < depth; ++i) same = stored[i + 1] == frames[i];
  return same;
}

}  // namespace

Family family_of(Api api) {
  switch (api) {
    case Api::kNew:
    case Api::kDelete: return Family::kNew;
    case Api::kNewArray:
    case Api::kDeleteArray: return Family::kNewArray;
    default: return Family::kMalloc;
  }
}

bool Tracker::init(HeapCore& heap, bool stacks, bool (*own_code)(const void*)) {
  own_code_ = own_code;
  const Os& os = heap.arena.os();
  record_capacity_ = heap.arena.reserved_bytes() / kGranuleBytes;
  records_ = static_cast<Record*>(os.reserve(0, record_capacity_ * sizeof(Record)));
  if (!records_) return false;
  secret_ = heap.seed * 0xbf58476d1ce4e5b9ULL;
  if (!stacks) return true;
  buckets_ = static_cast<Atomic<u32>*>(os.reserve(0, kBuckets * sizeof(u32)));
  frames_ = static_cast<const void**>(os.reserve(0, std::size_t{kMaxFrameWords} * sizeof(void*)));
  stacks_ = buckets_ && frames_ && os.commit(buckets_, kBuckets * sizeof(u32));
  return true;
}

void Tracker::destroy(HeapCore& heap) {
  each_range([&](void* at, std::size_t bytes) { heap.arena.os().release(at, bytes); });
  records_ = nullptr;
}

Record* Tracker::make(HeapCore& heap, const void* p) {
  if (in_locked_section()) return nullptr;
  const std::size_t index = (address_of(p) - heap.arena.base) >> kGranuleShift;
  Locked locked(commit_lock_);
  const std::size_t have = records_committed_.load(kRelaxed);
  if (index >= have) {
    std::size_t want = round_up(index + 1, kRecordStep);
    if (want > record_capacity_) want = record_capacity_;
    if (!heap.arena.os().commit(records_ + have, (want - have) * sizeof(Record))) return nullptr;
    records_committed_.store(want, kRelease);
  }
  return records_ + index;
}

u32 Tracker::store_stack(const Os& os) {
  constexpr u32 kOwnFrames = 8;
  const void* captured[kMaxFrames + kOwnFrames];
  u32 depth = capture_stack(captured, kMaxFrames + kOwnFrames);
  u32 skip = 0;
  while (own_code_ && skip < depth && own_code_(captured[skip])) ++skip;
  if (skip == depth) skip = 0;
  const void* const* frames = captured + skip;
  depth = depth - skip < kMaxFrames ? depth - skip : kMaxFrames;
  // One rotation a frame: a multiplication for each would have to wait for the one before.
  u64 hash = depth;
  for (u32 i = 0; i < depth; ++i) hash = (hash << 9 | hash >> 55) + address_of(frames[i]);
  hash = mix(mix(hash));
  // Stacks that meet in a bucket move on to the next; where all are taken the first one forgets.
  Atomic<u32>* bucket = nullptr;
  for (u32 i = 0; i < kProbes; ++i) {
    Atomic<u32>& at = buckets_[(hash + i) % kBuckets];
    const u32 known = at.load(kAcquire);
    if (known && is_stack(frames_ + known, frames, depth)) return known;
    if (!bucket || !known) bucket = &at;
    if (!known) break;
  }
  const u32 id = frames_used_.fetch_add(depth + 1, kRelaxed);
  if (id + depth + 1 >= kMaxFrameWords) {
    frames_used_.store(kMaxFrameWords, kRelaxed);
    return 0;
  }
  if (id + depth + 1 > frames_committed_.load(kAcquire)) {
    if (in_locked_section()) return 0;
    Locked locked(commit_lock_);
    const u32 have = frames_committed_.load(kRelaxed);
    const u32 want = (id + depth + kFrameStep) / kFrameStep * kFrameStep;
    if (want > have) {
      if (!os.commit(frames_ + have, (want - have) * sizeof(void*))) return 0;
      frames_committed_.store(want, kRelease);
    }
  }
  frames_[id] = reinterpret_cast<const void*>(std::uintptr_t{depth});
  memcpy(frames_ + id + 1, frames, depth * sizeof(void*));
  bucket->store(id, kRelease);
  return id;
}

u8 Tracker::canary_of(const void* p) const { return static_cast<u8>(mix(address_of(p) ^ secret_) | 1); }

bool Tracker::on_allocate(HeapCore& heap, const Held& held, std::size_t requested_bytes, Api api) {
  annotate::ours(held.at, held.usable);
  Record* record = held.record;
  if (HAK_UNLIKELY(!record)) record = make(heap, held.at);
  if (HAK_UNLIKELY(!record)) return true;
  Span& span = *held.span;
  const u32 birth = kind_of(span) == SpanKind::kSlab ? span.birth.load(kRelaxed) : 0;
  auto* bytes = static_cast<u8*>(held.at);
  // A record of an earlier slab at this place says nothing.
  bool found = false;
  if (record->filled && birth && (record->birth == birth || HAK_SEEDED(kStaleRecord)) &&
      HAK_UNLIKELY(!still_filled(bytes, held.usable))) {
    report_write(heap, held, api);
    found = true;
  }
  record->requested_bytes = static_cast<u32>(requested_bytes);
  if (span.sample) span.requested_bytes = requested_bytes;
  record->alloc_stack = stacks_ ? store_stack(heap.arena.os()) : 0;
  record->free_stack = 0;
  record->alloc_thread = known_thread_id();
  record->birth = birth;
  record->family = family_of(api);
  record->filled = false;
  record->live = true;
  record->canary = canary_of(bytes);
  write_canary(bytes, requested_bytes, held.usable, record->canary);
  return !found;
}

void Tracker::report_write(HeapCore& heap, const Held& held, Api api) {
  const auto* bytes = static_cast<const u8*>(held.at);
  FaultRecord fault;
  fault.fault = Fault::kWriteAfterFree;
  fault.api = api;
  fault.ptr = bytes + first_other(bytes, held.usable, kFreedByte);
  fault.size_class = held.span->size_class;
  fault.slot = static_cast<long>(slab_slot_of(*held.span, bytes));
  fault.block_begin = bytes;
  fault.usable_bytes = held.usable;
  describe(heap, bytes, &fault);
  heap.raise(fault);
}

bool Tracker::refuse(HeapCore& heap, const Held& held, Api api, Fault found) {
  FaultRecord fault;
  Validator::diagnose(heap, held.at, &fault);
  if (found == Fault::kOverflow) {
    const auto* bytes = static_cast<const u8*>(held.at);
    const std::size_t from = requested(heap, bytes);
    const std::size_t at = from + first_other(bytes + from, held.usable - from, held.record->canary);
    fault.has_header = true;
    fault.header_expected = held.record->canary;
    fault.header_found = at < held.usable ? bytes[at] : held.record->canary;
    // A racing free clears the record before it fills the block.
    if (!atomic_load(&held.record->live, kAcquire)) found = Fault::kRacingFree;
  }
  fault.fault = found;
  fault.api = api;
  fault.ptr = held.at;
  fault.block_begin = held.at;
  fault.usable_bytes = held.usable;
  describe(heap, held.at, &fault);
  heap.raise(fault);
  return false;
}

FAST_PATH bool Tracker::sound(HeapCore& heap, const Held& held, Api api) {
  const Record* record = held.record;
  if (HAK_UNLIKELY(!record)) return true;
  if (HAK_UNLIKELY(!record->live)) return withheld(heap, held.at) ? refuse(heap, held, api, Fault::kDoubleFree) : true;
  const std::size_t from =
      (held.slab() ? record->requested_bytes : held.span->requested_bytes) + HAK_SEEDED(kCanaryOffByOne);
  if (HAK_UNLIKELY(from < held.usable &&
                   !canary_holds(static_cast<const u8*>(held.at), from, held.usable, record->canary)))
    return refuse(heap, held, api, Fault::kOverflow);
  if (HAK_UNLIKELY(family_of(api) != record->family) && !HAK_SEEDED(kFamilyIgnored))
    return refuse(heap, held, api, Fault::kApiMismatch);
  return true;
}

bool Tracker::check_live(HeapCore& heap, const Held& held, Api api) { return sound(heap, held, api); }

bool Tracker::on_release(HeapCore& heap, const Held& held, Api api) {
  if (HAK_UNLIKELY(!sound(heap, held, api))) return false;
  Record* record = held.record;
  if (HAK_UNLIKELY(!record)) return true;
  // Of two threads that free the block one takes it here; for a large one its state decides.
  if (HAK_UNLIKELY(!remote_exchange(reinterpret_cast<u8*>(&record->live), 1, 0)) && held.slab() &&
      record->birth == held.span->birth.load(kRelaxed))
    return refuse(heap, held, api, Fault::kRacingFree);
  record->free_stack = stacks_ ? store_stack(heap.arena.os()) : 0;
  record->free_thread = known_thread_id();
  if (!held.slab()) return true;
  // There may have been no memory for the record when the block was allocated: it begins here then.
  record->birth = held.span->birth.load(kRelaxed);
  annotate::ours(held.at, held.usable);
  fill_with(static_cast<u8*>(held.at), held.usable, kFreedByte);
  atomic_store(&record->filled, true, kRelease);
  return true;
}

void* Tracker::withhold(HeapCore& heap, ThreadCache& cache, const Held& held, Api api) {
  // What has no record could not be told from a live block while it waits.
  if (!withheld_slots_ || !held.slab() || HAK_UNLIKELY(!held.record)) return held.at;
  Quarantine& quarantine = cache.withheld;
  if (HAK_UNLIKELY(!quarantine.on()) && !quarantine.init(heap.arena.os(), withheld_slots_)) return held.at;
  const unsigned size_class = held.span->size_class;
  auto* rested = static_cast<u8*>(quarantine.exchange(cache.random, size_class, held.at));
  if (!rested || rested == held.at) return rested;
  if (const void* next = quarantine.next_out(size_class)) fetch_ahead(heap, next, held.usable);
  if (HAK_UNLIKELY(!still_filled(rested, held.usable))) {
    Held written = held;
    written.at = rested;
    written.span = heap.arena.span(heap.arena.span_of(heap.arena.unit_of(rested)));
    report_write(heap, written, api);
  }
  return rested;
}

bool Tracker::withheld(const HeapCore& heap, const void* p) const {
  const Record* record = find(heap, p);
  if (!record || record->live || !atomic_load(&record->filled, kAcquire)) return false;
  const Span& span = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)));
  return kind_of(span) == SpanKind::kSlab && record->birth == span.birth;
}

void Tracker::drain(HeapCore& heap, ThreadCache& cache) {
  Quarantine& quarantine = cache.withheld;
  if (!quarantine.on() || !quarantine.enter()) return;
  for (unsigned c = 0; c < kClassCount; ++c) {
    while (void* slot = quarantine.take(c)) {
      const Span& slab = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(slot)));
      post_remote(heap, slot, slab.header);
    }
  }
  quarantine.leave();
}

bool Tracker::recorded(const HeapCore& heap, const void* p) const {
  const Record* record = find(heap, p);
  return record && record->live;
}

std::size_t Tracker::requested(const HeapCore& heap, const void* p) const {
  const Record* record = find(heap, p);
  if (!record) return 0;
  const Span& span = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)));
  return kind_of(span) == SpanKind::kLarge ? span.requested_bytes : record->requested_bytes;
}

void Tracker::describe(const HeapCore& heap, const void* block, FaultRecord* fault) const {
  const Record* record = find(heap, block);
  if (!record || (!record->live && !record->free_thread)) return;
  if (!fault->has_requested) {
    fault->requested_bytes = requested(heap, block);
    fault->has_requested = true;
  }
  fault->alloc_thread = record->alloc_thread;
  fault->free_thread = record->live ? 0 : record->free_thread;
  if (record->alloc_stack) {
    fault->alloc_depth = static_cast<u32>(address_of(frames_[record->alloc_stack]));
    fault->alloc_stack = frames_ + record->alloc_stack + 1;
  }
  if (record->free_stack) {
    fault->free_depth = static_cast<u32>(address_of(frames_[record->free_stack]));
    fault->free_stack = frames_ + record->free_stack + 1;
  }
}

}  // namespace hak
