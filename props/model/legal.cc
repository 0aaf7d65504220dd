// Legal operations and what they must answer.
#include <string.h>

#include <algorithm>

#include "model/runner.h"

namespace hak::props {
namespace {

/// What a churned block is written with: its first bytes.
constexpr std::size_t kChurnBytes = 24;

Api release_api(Family family) {
  return family == Family::kNew ? Api::kDelete : family == Family::kNewArray ? Api::kDeleteArray : Api::kFree;
}

Api sized_api(Family family, bool aligned) {
  if (family != Family::kMalloc) return release_api(family);
  return aligned ? Api::kFreeAlignedSized : Api::kFreeSized;
}

}  // namespace

void Runner::allocate(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (block.live) release(op, block);
  begin();
  switch (op.kind) {
    case OpKind::kMalloc:
      return admit(block, system_.allocate(op.thread, op.a, Api::kMalloc), op.a, kGranuleBytes, false,
                   Family::kMalloc, false);
    case OpKind::kNew:
      return admit(block, system_.allocate(op.thread, op.a, Api::kNew), op.a, kGranuleBytes, false,
                   Family::kNew, false);
    case OpKind::kNewArray:
      return admit(block, system_.allocate(op.thread, op.a, Api::kNewArray), op.a, kGranuleBytes, false,
                   Family::kNewArray, false);
    case OpKind::kCalloc: {
      std::size_t bytes = 0;
      void* p = system_.calloc(op.thread, op.a, op.b);
      if (__builtin_mul_overflow(op.a, op.b, &bytes)) bytes = ~std::size_t{0};
      return admit(block, p, bytes, kGranuleBytes, false, Family::kMalloc, true);
    }
    default: break;
  }
  const bool posix = op.kind == OpKind::kPosixAligned;
  void* p = system_.allocate_aligned(op.thread, op.a, op.b, posix ? Api::kPosixMemalign : Api::kAlignedAlloc);
  if (!is_power_of_two(op.a) || (posix && op.a % sizeof(void*))) {
    if (p) fail("an alignment that is not valid was served");
    if (errno != EINVAL) fail("a bad alignment must give EINVAL");
    return expect({});
  }
  admit(block, p, op.b, op.a, true, Family::kMalloc, false);
}

void Runner::resize(const Op& op, std::size_t count, std::size_t size) {
  ShadowBlock& block = shadow_[op.slot];
  if (block.live && block.family != Family::kMalloc) return;  // realloc of a block of operator new
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) bytes = ~std::size_t{0};
  if (block.live) check_content(block, block.filled);
  void* old = block.live ? block.ptr : nullptr;
  void* p = op.kind == OpKind::kRealloc ? system_.reallocate(op.thread, old, bytes)
                                        : system_.reallocate_array(op.thread, old, count, size);
  if (!old) return admit(block, p, bytes, kGranuleBytes, false, Family::kMalloc, false);
  if (bytes == 0) {
    if (p) fail("realloc(p, 0) returned a block");
    expect({});
    expect_quiet_errno();
    return mark_freed(block);
  }
  if (!p) {
    expect_refusal(bytes, kGranuleBytes, errno);
    expect({});
    return check_content(block, block.filled);  // a failed realloc leaves the block as it was
  }
  const std::size_t kept = std::min(block.requested, bytes);
  if (const long at = first_difference(p, kept, block.filled, block.pattern); at >= 0)
    fail("realloc lost byte " + std::to_string(at) + " of " + std::to_string(kept));
  if (p == old && system_.tracked() && !block.large) fail("a tracked realloc must move the block");
  if (p != old) ++releases_;
  block.live = false;
  if (p == old) --allocations_;
  // The marks of a small block must not live on in a larger one, which is not written whole.
  if (block.pattern.small) memset(p, 0, std::min(block.room, bytes));
  resized_ = true;
  // Seen; a larger block is not written whole again, and realloc copies all the room there was.
  memset(p, 0, std::min({block.room, bytes, kWholeBytes}));
  admit(block, p, bytes, kGranuleBytes, false, Family::kMalloc, false);
  resized_ = false;
}

void Runner::release(const Op& op, ShadowBlock& block) {
  if (!block.live) {
    system_.release(op.thread, nullptr, Api::kFree);
  } else {
    check_content(block, block.filled);
    const bool kept = is_kept_when_freed(block);
    system_.release(op.thread, block.ptr, release_api(block.family));
    mark_freed(block);
    if (kept) check_kept(block);
  }
  expect({});
  expect_quiet_errno();
}

/// A large block of moderate size keeps its span until the purge delay is over, if there is room for it.
bool Runner::is_kept_when_freed(const ShadowBlock& block) const {
  constexpr std::size_t kModerateBytes = std::size_t{1} << 20, kRoomBytes = std::size_t{16} << 20;
  if (!heap_ || process_ || !block.large || block.sampled) return false;
  const Span& span = *heap_->arena.span(heap_->arena.span_of(heap_->arena.unit_of(block.ptr)));
  return block.room <= kModerateBytes && span.alignment <= kPageBytes && heap_->large.cached_bytes() <= kRoomBytes &&
         heap_->arena.purge_delay_ms() > 0;
}

/// An instance with exact records withholds it, which every access shows.
void Runner::check_kept(const ShadowBlock& block) {
  collect_failures();
  if (os_failures_) return;
  const Span& span = *heap_->arena.span(heap_->arena.span_of(heap_->arena.unit_of(block.ptr)));
  if (kind_of(span) != SpanKind::kLarge || byte_load(heap_->arena.state_of(block.ptr)) != kLargeFreed)
    fail("L2 a freed large block was given back before its delay was over");
  if (system_.tracked() && !span.closed) fail("a freed large block is withheld and open");
}

void Runner::release_sized(const Op& op, ShadowBlock& block, bool with_alignment) {
  if (!block.live) {
    system_.release_sized(op.thread, nullptr, 8, 16, Api::kFreeSized);
    return expect({});
  }
  check_content(block, block.filled);
  // C23: the size as last asked for, and the alignment exactly if an aligned form gave the block.
  const bool aligned = block.aligned || (with_alignment && block.family == Family::kMalloc);
  const std::size_t alignment = block.aligned ? block.alignment : aligned ? kGranuleBytes : 0;
  system_.release_sized(op.thread, block.ptr, block.requested, alignment, sized_api(block.family, aligned));
  expect({});
  expect_quiet_errno();
  mark_freed(block);
}

void Runner::usable(const Op& op) {
  const ShadowBlock& block = shadow_[op.slot];
  const std::size_t bytes = system_.usable(op.thread, block.live ? block.ptr : nullptr);
  expect({});
  expect_quiet_errno();
  note(nullptr, bytes);
  const std::size_t want = !block.live ? 0 : block.recorded ? block.requested : block.room;
  if (bytes != want)
    fail("usable size is " + std::to_string(bytes) + ", must be " + std::to_string(want));
}

void Runner::write_pattern(void* at, std::size_t bytes, Pattern pattern) {
  fill(at, bytes, pattern);
  if (!heap_) return;
  each_filled_range(bytes, [&](std::size_t from, std::size_t to) {
    system_.touch(static_cast<u8*>(at) + from, to - from);
  });
}

/// HAKMEM_ZERO_MAX_BYTES: blocks up to that size, in slots of their size, leave nothing behind.
bool Runner::zeroed_when_freed(std::size_t bytes, unsigned size_class) const {
  return heap_ && !system_.tracked() && bytes <= heap_->zero_max_bytes && size_class < kClassCount &&
         size_class == class_for(bytes);
}

/// The program may use what usable size told it; with a canary in the slack that is what it asked for.
void Runner::refill(ShadowBlock& block) {
  block.filled = block.recorded ? block.requested : block.room;
  block.pattern = make_pattern(++tag_, zeroed_when_freed(block.requested, block.size_class));
  write_pattern(block.ptr, block.filled, block.pattern);
}

Pattern Runner::churn_pattern(std::size_t index, std::size_t bytes) const {
  return make_pattern(index, zeroed_when_freed(bytes, class_for(bytes)));
}

bool Runner::churn_allocate(unsigned thread, std::size_t bytes, std::vector<u8*>& held) {
  auto* p = static_cast<u8*>(system_.allocate(thread, bytes, Api::kMalloc));
  if (!p) {
    expect_refusal(bytes, kGranuleBytes, errno);
    expect({});
    return false;
  }
  ShadowBlock block;
  block.ptr = p;
  block.live = true;
  block.requested = bytes;
  block.size_class = class_for(bytes);
  block.room = modelled() ? room_for(bytes, block.size_class) : bytes;
  if (modelled()) place_sampled(block);
  check_place(block, p, kGranuleBytes);
  if (modelled() && !block.sampled) check_slab_place(block);
  expect({shadow_.take_dirty(p, block.birth) ? Fault::kWriteAfterFree : Fault::kNone});
  check_fresh_content(block, false);
  write_pattern(p, std::min(bytes, kChurnBytes), churn_pattern(held.size(), bytes));
  held.push_back(p);
  ++allocations_;
  return true;
}

void Runner::churn_release(unsigned thread, u8* p, std::size_t bytes, std::size_t index) {
  const std::size_t filled = std::min(bytes, kChurnBytes);
  if (const long at = first_difference(p, filled, filled, churn_pattern(index, bytes)); at >= 0)
    fail("byte " + std::to_string(at) + " of churned block " + std::to_string(index) + " changed");
  system_.release(thread, p, Api::kFree);
  expect({});
  ++releases_;
}

/// Many blocks of one size at once, which the slots are too few for: refills, exchanges, flushes. The
/// slot number tells who frees (odd: the next context) and in which order.
void Runner::churn(const Op& op) {
  std::vector<u8*>& held = churned_;
  held.clear();
  begin();
  while (held.size() < op.a && churn_allocate(op.thread, op.b, held)) {
  }
  // A block in a guard slot takes no more than was asked for.
  const bool slots = modelled() && !heap_->sample_every;
  const std::size_t stride = slots ? room_for(op.b, class_for(op.b)) + 1 : op.b;
  std::vector<u8*> sorted = held;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 1; i < sorted.size(); ++i)
    if (sorted[i] - sorted[i - 1] < static_cast<std::ptrdiff_t>(stride)) fail("two churned blocks overlap");
  const unsigned freeing = op.slot & 1 ? (op.thread + 1U) % kContextCount : op.thread;
  const unsigned order = op.slot / 2 % 3;
  const std::size_t count = held.size();
  std::size_t low = 0, high = count;
  for (std::size_t i = 0; i < count; ++i) {
    const bool from_end = order == 1 || (order == 2 && i % 2);
    const std::size_t index = from_end ? --high : low++;
    churn_release(freeing, held[index], op.b, index);
  }
  note(nullptr, count);
}

}  // namespace hak::props
