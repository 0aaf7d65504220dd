// What is compared after an operation, and the audit of the whole heap.
#include <cinttypes>
#include <cstdio>

#include "core/walk.h"
#include "model/runner.h"

namespace hak::props {
namespace {

/// Requests above this are refused by every arena a script runs on.
constexpr std::size_t kPlausibleBytes = std::size_t{1} << 40;

std::string hex(const void* p) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIxPTR, address_of(p));
  return text;
}

bool has_record(const HeapCore& heap, const void* p) {
  FaultRecord known;
  heap.tracker->describe(heap, p, &known);
  return known.alloc_thread != 0;
}

}  // namespace

void Runner::fail(const std::string& message) {
  outcome_.message = message;
  throw Failed{};
}

void Runner::begin() {
  collect_failures();
  os_failures_ = 0;
  errno = kQuietErrno;
}

/// Failures that were injected and have happened, in this operation and at all.
void Runner::collect_failures() {
  const u32 failures = system_.take_os_failures();
  os_failures_ += failures;
  os_failed_ever_ = os_failed_ever_ || failures;
}

void Runner::expect(Expectation expected) {
  const Verdict verdict = system_.take_verdict();
  current_->fault = verdict.fault;
  const bool unlooked = unlooked_ && verdict.count == 0;
  unlooked_ = false;
  if (unlooked) return;
  if (verdict.count > 1) fail("one operation raised " + std::to_string(verdict.count) + " reports");
  // Where freed slots are withheld, the write is seen when another free takes the slot's place.
  const bool withheld = process_ && system_.tracked() && written_freed_;
  if (withheld && (verdict.fault == Fault::kWriteAfterFree || expected.fault == Fault::kWriteAfterFree)) return;
  if (expected.allows(verdict.fault)) {
    if (verdict.has_record) check_record(verdict.record);
    return;
  }
  fail(std::string("verdict is ") + fault_id(verdict.fault) + ", must be " + fault_id(expected.fault));
}

/// The figures of a report against the geometry, computed the long way.
void Runner::check_record(const FaultRecord& record) {
  const auto demand = [&](bool holds, const char* what) {
    if (!holds) fail(std::string("the report's ") + what + " is wrong");
  };
  const Arena& arena = heap_->arena;
  if (!arena.contains(record.ptr) || record.fault == Fault::kWriteAfterFree) return;
  u32 unit = 0;
  while (unit < arena.frontier() && arena.unit_of(record.ptr) - unit >= arena.span(unit)->units)
    unit += arena.span(unit)->units;
  if (unit >= arena.frontier()) return;
  const Span& span = *arena.span(unit);
  const bool mismatch = record.fault == Fault::kSizeMismatch || record.fault == Fault::kAlignmentMismatch;
  if (span.kind == SpanKind::kLarge) {
    demand(record.block_begin == span.start, "block");
    demand(record.usable_bytes == span.block_bytes, "usable size");
    demand(mismatch || (record.has_requested && record.requested_bytes == span.requested_bytes), "requested size");
    demand(record.size_class == -1 && record.slot == -1, "size class of a large block");
    const bool at_start = record.ptr == span.start && !mismatch && record.fault != Fault::kOverflow;
    demand(!at_start || record.state == byte_load(arena.state_of(record.ptr)), "state");
    return;
  }
  if (span.kind != SpanKind::kSlab) return demand(!record.block_begin && record.slot == -1, "block where none is");
  const ThreadCache* owner = span.owner.load(kRelaxed);
  demand(record.size_class == span.size_class, "size class");
  demand(record.usable_bytes == span.stride - 1 || system_.tracked(), "usable size");
  demand(record.owner_id == (owner ? owner->id : 0), "owner");
  const std::ptrdiff_t offset = static_cast<const std::byte*>(record.ptr) - span.start;
  if (offset < 0 || offset / span.stride >= span.slots)
    return demand(!record.block_begin && record.slot == -1, "block beside the slots");
  demand(record.slot == offset / static_cast<std::ptrdiff_t>(span.stride), "slot");
  demand(record.block_begin == span.start + record.slot * static_cast<std::ptrdiff_t>(span.stride), "block");
  if (record.fault == Fault::kCorruptHeader || (record.fault == Fault::kOverflow && !system_.tracked()))
    demand(record.has_header && record.header_expected == span.header && record.header_found != span.header, "header");
}

void Runner::expect_quiet_errno() {
  current_->error = errno == kQuietErrno ? 0 : errno;
  if (errno != kQuietErrno) fail("errno was changed to " + std::to_string(errno));
}

void Runner::note(const void* p, u64 value) {
  current_->place = p && heap_ ? address_of(p) - heap_->arena.base : 0;
  current_->value = value;
}

/// Longest run of free and cached units, as purging would leave them, against what the request needs.
bool Runner::arena_could_hold(std::size_t bytes, std::size_t alignment) const {
  const Arena& arena = heap_->arena;
  const std::size_t limit = arena.reserved_bytes() / kUnitBytes;
  std::size_t longest = limit - arena.frontier();
  std::size_t run = 0;
  for (u32 unit = 0; unit < arena.frontier(); unit += arena.span(unit)->units) {
    const Span& span = *arena.span(unit);
    const bool unused = span.kind == SpanKind::kFree ||
                        (span.kind == SpanKind::kLarge && byte_load(arena.state_of(span.start)) == kLargeFreed);
    run = unused ? run + span.units : 0;
    if (run > longest) longest = run;
  }
  const unsigned size_class = class_for_aligned(bytes, alignment);
  const std::size_t pad = alignment > kPageBytes ? 2 * alignment : 0;
  const std::size_t need = size_class < kClassCount ? slab_units(size_class)
                                                    : (bytes + pad + 3 * kPageBytes) / kUnitBytes + 1;
  return longest >= need + 1;
}

void Runner::expect_refusal(std::size_t bytes, std::size_t alignment, int error) {
  current_->error = error;
  if (error != ENOMEM) fail("a refused request must set ENOMEM, errno is " + std::to_string(error));
  collect_failures();
  if (bytes > kMaxRequestBytes || alignment > kMaxRequestBytes || os_failures_) return;
  if (heap_ && bytes < kPlausibleBytes && alignment < kPlausibleBytes &&
      arena_could_hold(bytes, alignment))
    fail("a request of " + std::to_string(bytes) + " bytes was refused although the arena has room");
}

void Runner::check_place(const ShadowBlock& block, void* p, std::size_t alignment) {
  if (address_of(p) % kGranuleBytes || address_of(p) % alignment)
    fail("block " + hex(p) + " is not aligned to " + std::to_string(alignment));
  if (const ShadowBlock* other = shadow_.find_overlap(p, block.room, &block))
    fail("block " + hex(p) + " overlaps the live block " + hex(other->ptr));
  if (!heap_) return;
  if (!heap_->arena.contains(p)) fail("block " + hex(p) + " is outside of the arena");
  if (const char* wrong = system_.check_pages(p, block.room)) fail(wrong);
}

void Runner::check_slab_place(ShadowBlock& block) {
  const Arena& arena = heap_->arena;
  const Span& slab = *arena.span(arena.span_of(arena.unit_of(block.ptr)));
  if (slab.kind != SpanKind::kSlab) fail("a small block is not in a slab");
  if (slab.stride != kStrides[block.size_class])
    fail("block of class " + std::to_string(block.size_class) + " lies in a slab of stride " +
         std::to_string(slab.stride));
  if (slab.slots > slab_slots(block.size_class)) fail("a slab has more slots than its units hold");
  const std::size_t offset = address_of(block.ptr) - address_of(slab.start);
  if (offset % slab.stride || offset / slab.stride >= slab.carved) fail("a block is not at a carved slot");
  block.header = block.ptr[-1];
  block.birth = slab.birth;
  if (block.header != slab.header || block.ptr[block.room] != slab.header)
    fail("a header around the block is not the slab's");
  if ((block.header & kStateMask) != kLiveBits || (block.header & kKeyMask) < kLowestKey)
    fail("the header byte has not the form of a header");
  if (byte_load(arena.state_of(block.ptr)) != block.header) fail("the slot state of a block is not live");
}

void Runner::check_large_place(ShadowBlock& block) {
  block.header = 0;
  block.birth = 0;
  const Arena& arena = heap_->arena;
  if (byte_load(arena.state_of(block.ptr)) != kLargeLive) fail("the state of a large block is not live");
  if (!arena.guards() || os_failures_ || os_failed_ever_ || block.sampled) return;
  if (!system_.watches_pages()) return;
  // Where a guard costs mappings, blocks below a MiB have none.
  if (!arena.os().light_guards() && block.room < (std::size_t{1} << 20)) return;
  const bool before = system_.check_pages(block.ptr - kPageBytes, kPageBytes) != nullptr;
  const bool behind = system_.check_pages(block.ptr + block.room, kPageBytes) != nullptr;
  if (!before || !behind) fail("a large block has no guard page on one side");
}

/// A guard slot serves what a slab would have: its room is what was asked for, or in the aligned forms
/// all of the slot that it stands for.
void Runner::place_sampled(ShadowBlock& block) {
  const Arena& arena = heap_->arena;
  if (!arena.contains(block.ptr)) return;
  const Span& span = *arena.span(arena.span_of(arena.unit_of(block.ptr)));
  if (span.kind != SpanKind::kLarge || !span.sample || block.large) return;
  const std::size_t slot = room_for(block.requested, block.size_class);
  const std::size_t exact = block.requested ? block.requested : 1;
  if (span.start != reinterpret_cast<const std::byte*>(block.ptr)) fail("a sampled block does not start where its span says");
  if (span.block_bytes != exact && span.block_bytes != slot) fail("the room of a sampled block fits no request");
  block.sampled = block.large = true;
  block.room = span.block_bytes;
}

void Runner::check_fresh_content(const ShadowBlock& block, bool zero) {
  if (zero) {
    if (const long at = first_nonzero(block.ptr, block.requested); at >= 0)
      fail("byte " + std::to_string(at) + " of calloc is not zero");
  }
  if (resized_ || !heap_ || system_.tracked() || !heap_->zero_max_bytes) return;
  if (const long at = first_small_mark(block.ptr, block.room); at >= 0)
    fail("byte " + std::to_string(at) + " still holds what a freed block of this kind held");
}

/// A large block that grows in place may take up to an eighth more than asked for.
std::size_t Runner::resized_room(void* p, std::size_t bytes) {
  const std::size_t room = heap_->large.usable_bytes(p);
  if (room % kPageBytes || room < bytes || room > room_for(bytes + bytes / 8 + kPageBytes, kClassCount))
    fail("the room of a resized block, " + std::to_string(room) + " bytes, does not fit " + std::to_string(bytes));
  return room;
}

void Runner::admit(ShadowBlock& block, void* p, std::size_t bytes, std::size_t alignment, bool aligned,
                   Family family, bool zero) {
  const int error = errno;
  collect_failures();
  note(p, 0);
  if (!p) {
    expect_refusal(bytes, alignment, error);
    return expect({});
  }
  if (bytes > kMaxRequestBytes) fail("a request above PTRDIFF_MAX was served");
  if (process_ && process_->is_starved()) fail("a request was served where there is no memory");
  if (heap_ && error != kQuietErrno) fail("a served request changed errno to " + std::to_string(error));
  block = ShadowBlock{};
  block.ptr = static_cast<u8*>(p);
  block.live = true;
  block.family = family;
  block.requested = bytes;
  block.aligned = aligned && alignment > kGranuleBytes;
  block.alignment = alignment;
  block.size_class = aligned ? class_for_aligned(bytes, alignment) : class_for(bytes);
  block.large = block.size_class == kClassCount;
  block.room = heap_ ? room_for(bytes, block.size_class) : system_.usable(0, p);
  if (heap_ && resized_ && block.large) block.room = resized_room(p, bytes);
  if (heap_) place_sampled(block);
  if (block.room < bytes) fail("usable size is less than the request");
  check_place(block, p, alignment > kGranuleBytes ? alignment : kGranuleBytes);
  ++allocations_;
  if (heap_) {
    block.large ? check_large_place(block) : check_slab_place(block);
    const bool dirty = shadow_.take_dirty(p, block.birth);
    expect({dirty && !block.large ? Fault::kWriteAfterFree : Fault::kNone});
    const std::size_t usable_bytes = system_.usable(0, p);
    // A record that could not be committed leaves the block as an untracked one.
    block.recorded = system_.tracked() && (!os_failed_ever_ || has_record(*heap_, p));
    const std::size_t want = block.recorded ? bytes : block.room;
    if (usable_bytes != want)
      fail("usable size is " + std::to_string(usable_bytes) + ", must be " + std::to_string(want));
    current_->value = usable_bytes;
    current_->header = block.header;
  }
  check_fresh_content(block, zero);
  refill(block);
}

void Runner::check_content(const ShadowBlock& block, std::size_t bytes) {
  if (const long at = first_difference(block.ptr, bytes, block.filled, block.pattern); at >= 0)
    fail("byte " + std::to_string(at) + " of the block " + hex(block.ptr) + " (" +
         std::to_string(block.requested) + " bytes) changed under the program");
}

void Runner::mark_freed(ShadowBlock& block) {
  block.live = false;
  ++releases_;
}

void Runner::audit() {
  for (unsigned slot = 0; slot < kSlotCount; ++slot)
    if (shadow_[slot].live) check_content(shadow_[slot], shadow_[slot].filled);
  if (heap_) audit_heap(*heap_);
}

void Runner::audit_heap(HeapCore& heap) {
  if (const char* broken = heap.verify()) fail(std::string("invariant broken: ") + broken);
  struct Walk {
    Shadow* shadow;
    std::size_t blocks = 0, bytes = 0, unknown = 0, shown = 0, held = 0;
  } walk{&shadow_};
  walk_live(heap, [](void* block, std::size_t usable_bytes, void* context) {
    auto* seen = static_cast<Walk*>(context);
    const ShadowBlock* known = seen->shadow->find_live(block);
    if (!known || known->room != usable_bytes) {
      ++seen->unknown;
      seen->shown = usable_bytes;
      seen->held = known ? known->room : 0;
    }
    ++seen->blocks;
    seen->bytes += usable_bytes;
  }, &walk);
  if (walk.unknown) fail("the walk shows " + std::to_string(walk.unknown) + " blocks the program does not hold, one of " +
                         std::to_string(walk.shown) + " bytes, where it holds " + std::to_string(walk.held));
  if (walk.blocks != shadow_.live_count() || walk.bytes != shadow_.live_room())
    fail("the heap holds " + std::to_string(walk.blocks) + " live blocks, " + std::to_string(walk.bytes) +
         " bytes; the program " + std::to_string(shadow_.live_count()) + ", " + std::to_string(shadow_.live_room()));
  audit_threads(heap);
  if (system_.counts_every() || config_.audit_each) audit_counters(heap);
}

/// What only matters once threads go on: who is told of posted frees, who is named as owner, which
/// options a context carries. The heap is at rest.
void Runner::audit_threads(HeapCore& heap) {
  const Arena& arena = heap.arena;
  for (u32 unit = 0; unit < arena.frontier(); unit += arena.span(unit)->units) {
    const Span& slab = *arena.span(unit);
    if (slab.kind != SpanKind::kSlab) continue;
    ThreadCache* owner = slab.owner.load(kRelaxed);
    const std::uintptr_t word = owner ? address_of(&owner->pair(slab.size_class)) : 0;
    for (u32 i = 0; i < slab.units; ++i)
      if (arena.owner_word(unit + i) != word) fail("a unit of a slab does not name the slab's owner");
    bool posted = false;
    for (u32 w = 0; w * 64 < slab.slots; ++w) posted |= arena.remote_bits(unit)[w].load(kRelaxed) != 0;
    u32 times = 0;
    for (u32 at = owner ? owner->remote_head.load(kRelaxed) : kNoSpan; at != kNoSpan && times < 2;
         at = arena.span(at)->remote_next)
      times += at == unit;
    if (slab.queued.load(kRelaxed) != times) fail("R4 a queued slab is on its owner's list, once");
    // A free from a handler is its bit alone: whoever collects the slab next finds it.
    if (posted && owner && !times && !interrupted_ever_) fail("R2 a slab with posted frees is queued with its owner");
  }
  for (unsigned c = 0; c < kClassCount; ++c) {
    u32 count = 0;
    for (u32 at = heap.abandoned[c].head; at != kNoSpan; at = arena.span(at)->next) ++count;
    if (heap.abandoned_count[c].load(kRelaxed) != count) fail("the count of abandoned slabs is not their number");
  }
  for (ThreadCache* cache = heap.caches.load(kRelaxed); cache; cache = cache->next_cache) {
    if (cache->ctx.generation != heap.options.generation()) continue;
    if (cache->ctx.class_mask != heap.options.get(OptionId::kFastLaneMask) ||
        cache->ctx.route_mask != heap.options.get(OptionId::kRouteMask))
      fail("F2 a context of this generation carries other options");
  }
}

void Runner::audit_counters(HeapCore& heap) {
  HeapStats stats;
  collect_stats(heap, &stats);
  if (stats.live_blocks != shadow_.live_count() || stats.live_bytes != shadow_.live_room())
    fail("the statistics count " + std::to_string(stats.live_blocks) + " live blocks, " +
         std::to_string(stats.live_bytes) + " bytes, not what the walk shows");
  if (!system_.counts_every() || stats.counters.mallocs - stats.counters.frees == stats.live_blocks) return;
  fail("S4 with exact statistics mallocs - frees == live: " + std::to_string(stats.counters.mallocs) + " - " +
       std::to_string(stats.counters.frees) + " != " + std::to_string(stats.live_blocks));
}

/// Everything was freed and every context has ended: no slab, no block, no cached slot.
void Runner::audit_end() {
  if (!heap_ || os_failed_ever_) return;
  if (system_.keeps_contexts()) {
    HeapStats stats;
    collect_stats(*heap_, &stats);
    const std::size_t kept = process_ ? process_->kept_caches() : 1;
    if (stats.threads > kept)
      fail("left at the end: caches of " + std::to_string(stats.threads - kept) + " ended threads");
    return;
  }
  if (const char* broken = heap_->verify()) fail(std::string("invariant broken at the end: ") + broken);
  HeapStats stats;
  collect_stats(*heap_, &stats);
  if (stats.arena.slab_bytes || stats.arena.large_bytes || stats.cached_blocks || stats.remote_blocks)
    fail("left at the end: " + std::to_string(stats.arena.slab_bytes) + " slab bytes, " +
         std::to_string(stats.arena.large_bytes) + " large bytes, " + std::to_string(stats.cached_blocks) +
         " cached and " + std::to_string(stats.remote_blocks) + " remote slots");
  if (stats.threads != 0) fail("left at the end: " + std::to_string(stats.threads) + " thread caches in use");
}

}  // namespace hak::props
