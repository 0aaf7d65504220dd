#include "core/tracker.h"

#include "base/fill.h"
#include "core/validate.h"

#include <string.h>

namespace hak {
namespace {

constexpr u32 kBuckets = 1U << 16;
constexpr u32 kMaxFrameWords = 1U << 25;  // 256 MiB of stacks, reserved
constexpr u32 kFrameStep = 1U << 16;
constexpr std::size_t kRecordStep = 64 * kGranulesPerUnit;

constexpr u64 kHashFactor = 0x9e3779b97f4a7c15ULL;

u64 mix(u64 value) {
  value *= kHashFactor;
  return value ^ value >> 29;
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
  const Os& os = heap.arena.os();
  quarantine_.destroy(os);
  if (records_) os.release(records_, record_capacity_ * sizeof(Record));
  if (buckets_) os.release(buckets_, kBuckets * sizeof(u32));
  if (frames_) os.release(frames_, std::size_t{kMaxFrameWords} * sizeof(void*));
  records_ = nullptr;
}

Record* Tracker::find(const HeapCore& heap, const void* p) const {
  if (!records_ || !heap.arena.contains(p)) return nullptr;
  const std::size_t index = (address_of(p) - heap.arena.base) >> kGranuleShift;
  return index < records_committed_.load(kAcquire) ? records_ + index : nullptr;
}

Record* Tracker::make(HeapCore& heap, const void* p) {
  if (Record* record = find(heap, p)) return record;
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
  // A product per frame with a factor of its own: none waits for the one before.
  u64 hash = depth, factor = kHashFactor;
  for (u32 i = 0; i < depth; ++i, factor += 2 * kHashFactor) hash += address_of(frames[i]) * factor;
  Atomic<u32>& bucket = buckets_[mix(hash) % kBuckets];
  const u32 known = bucket.load(kAcquire);
  if (known && address_of(frames_[known]) == depth &&
      memcmp(frames_ + known + 1, frames, depth * sizeof(void*)) == 0)
    return known;
  const u32 id = frames_used_.fetch_add(depth + 1, kRelaxed);
  if (id + depth + 1 >= kMaxFrameWords) {
    frames_used_.store(kMaxFrameWords, kRelaxed);
    return 0;
  }
  if (id + depth + 1 > frames_committed_.load(kAcquire)) {
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
  bucket.store(id, kRelease);
  return id;
}

Fault Tracker::on_allocate(HeapCore& heap, void* p, std::size_t requested_bytes, std::size_t usable,
                           Api api, FaultRecord* fault) {
  annotate::ours(p, usable);
  Record* record = make(heap, p);
  if (!record) return Fault::kNone;
  Span& span = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)));
  const Fault found = check_filled(heap, p, usable, fault);
  record->requested_bytes = static_cast<u32>(requested_bytes);
  if (span.sample) span.requested_bytes = requested_bytes;
  record->alloc_stack = stacks_ ? store_stack(heap.arena.os()) : 0;
  record->free_stack = 0;
  record->alloc_thread = known_thread_id();
  record->birth = kind_of(span) == SpanKind::kSlab ? span.birth.load(kRelaxed) : 0;
  record->family = family_of(api);
  record->filled = false;
  record->live = true;
  record->canary = static_cast<u8>(mix(address_of(p) ^ secret_) | 1);
  memset(static_cast<u8*>(p) + requested_bytes, record->canary, usable - requested_bytes);
  return found;
}

Fault Tracker::check_filled(HeapCore& heap, void* p, std::size_t usable, FaultRecord* fault) {
  const Record* record = find(heap, p);
  const Span& span = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)));
  if (!record || !record->filled || kind_of(span) != SpanKind::kSlab ||
      (record->birth != span.birth && !HAK_SEEDED(kStaleRecord)))
    return Fault::kNone;
  const u8* bytes = static_cast<const u8*>(p);
  const std::size_t skipped = HAK_SEEDED(kFirstByteUnchecked);
  const std::size_t i = skipped + first_other(bytes + skipped, usable - skipped, kFreedByte);
  if (i == usable) return Fault::kNone;
  fault->ptr = bytes + i;
  fault->size_class = span.size_class;
  fault->slot = static_cast<long>(slab_slot_of(span, p));
  fault->block_begin = p;
  fault->usable_bytes = usable;
  describe(heap, p, fault);
  return Fault::kWriteAfterFree;
}

Fault Tracker::check_live(HeapCore& heap, void* p, std::size_t usable, Api api, FaultRecord* fault) {
  const Record* record = find(heap, p);
  if (!record) return Fault::kNone;
  Fault found = withheld(heap, p) ? Fault::kDoubleFree : Fault::kNone;
  if (!record->live && found == Fault::kNone) return Fault::kNone;
  const std::size_t from = found == Fault::kNone ? requested(heap, p) + HAK_SEEDED(kCanaryOffByOne) : usable;
  const u8* bytes = static_cast<const u8*>(p);
  const std::size_t i =
      found == Fault::kNone && from < usable ? from + first_other(bytes + from, usable - from, record->canary) : usable;
  if (i < usable) {
    // A racing free clears the record before it fills the block.
    found = atomic_load(&record->live, kAcquire) ? Fault::kOverflow : Fault::kRacingFree;
    fault->header_expected = record->canary;
    fault->header_found = bytes[i];
    fault->has_header = true;
  }
  const bool frees = api == Api::kFree || api == Api::kFreeSized || api == Api::kFreeAlignedSized ||
                     api == Api::kDelete || api == Api::kDeleteArray || api == Api::kRealloc ||
                     api == Api::kReallocarray;
  if (found == Fault::kNone && frees && family_of(api) != record->family && !HAK_SEEDED(kFamilyIgnored))
    found = Fault::kApiMismatch;
  if (found == Fault::kNone) return found;
  FaultRecord known;
  Validator::diagnose(heap, p, &known);
  known.has_header = fault->has_header;
  known.header_expected = fault->header_expected;
  known.header_found = fault->header_found;
  *fault = known;
  fault->ptr = p;
  fault->block_begin = p;
  fault->usable_bytes = usable;
  describe(heap, p, fault);
  return found;
}

bool Tracker::on_release(HeapCore& heap, void* p, std::size_t usable) {
  Record* record = find(heap, p);
  if (!record) return true;
  const Span& span = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)));
  const bool slab = kind_of(span) == SpanKind::kSlab;
  // Of two threads that free the block one takes it here; for a large one its state decides.
  if (!remote_exchange(reinterpret_cast<u8*>(&record->live), 1, 0) && slab && record->birth == span.birth)
    return false;
  record->free_stack = stacks_ ? store_stack(heap.arena.os()) : 0;
  record->free_thread = known_thread_id();
  if (!slab) return true;
  annotate::ours(p, usable);
  memset(p, kFreedByte, usable);
  atomic_store(&record->filled, true, kRelease);
  return true;
}

bool Tracker::withhold_slots(HeapCore& heap, u32 slots) {
  if (!quarantine_.init(heap.arena.os(), slots, heap.seed * 0xd6e8feb86659fd93ULL)) return false;
  heap.magazine_slots_max = kWithheldMagazineSlots;
  return true;
}

void* Tracker::withhold(HeapCore& heap, void* p) {
  if (!quarantine_.on()) return p;
  const Span& span = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)));
  // What has no record could not be told from a live block while it waits.
  if (kind_of(span) != SpanKind::kSlab || !withheld(heap, p)) return p;
  return quarantine_.exchange(span.size_class, p);
}

bool Tracker::withheld(const HeapCore& heap, const void* p) const {
  const Record* record = address_of(p) % kGranuleBytes ? nullptr : find(heap, p);
  if (!record || record->live || !atomic_load(&record->filled, kAcquire)) return false;
  const Span& span = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(p)));
  return kind_of(span) == SpanKind::kSlab && record->birth == span.birth;
}

void Tracker::drain(HeapCore& heap) {
  if (!quarantine_.on()) return;
  for (unsigned c = 0; c < kClassCount; ++c) {
    while (void* slot = quarantine_.take(c)) {
      const Span& slab = *heap.arena.span(heap.arena.span_of(heap.arena.unit_of(slot)));
      post_remote(heap, slot, slab.header);
    }
  }
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
