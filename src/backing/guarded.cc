#include "backing/guarded.h"

#include <string.h>

namespace hak {
namespace {

constexpr u32 kUnitPages = static_cast<u32>(kUnitBytes / kPageBytes);
static_assert(round_up(kMaxSlabRequest, kPageBytes) / kPageBytes + 2 <= kUnitPages);

}  // namespace

std::size_t GuardedSlots::table_bytes() const {
  return round_up(capacity_ * (sizeof(Slot) + sizeof(u16)), kPageBytes);
}

bool GuardedSlots::init(u32 slots, u64 seed_value) {
  const Os& os = arena_.os();
  random_ = Random(seed_value);
  capacity_ = slots;
  // A page without access on both sides, as around every table.
  auto* range = static_cast<std::byte*>(os.reserve(0, table_bytes() + 2 * kPageBytes));
  if (!range || !os.commit(range + kPageBytes, table_bytes())) {
    if (range) os.release(range, table_bytes() + 2 * kPageBytes);
    capacity_ = 0;
    return false;
  }
  slots_ = reinterpret_cast<Slot*>(range + kPageBytes);
  resting_ = reinterpret_cast<u16*>(slots_ + capacity_);
  return true;
}

void GuardedSlots::destroy() {
  each_range([this](void* at, std::size_t bytes) { arena_.os().release(at, bytes); });
  slots_ = nullptr;
  capacity_ = used_ = first_ = resting_count_ = 0;
}

/// A slot with a fresh unit, closed from end to end. The arena's own place for it is random already.
GuardedSlots::Slot* GuardedSlots::add_slot() {
  if (used_ == capacity_) return nullptr;
  bool dirty = false;
  const u32 unit = arena_.take(1, &dirty);
  if (unit == kNoSpan) return nullptr;
  if (!arena_.os().guard(arena_.unit_address(unit), kUnitBytes)) {
    arena_.hit(Limit::kMappings);
    arena_.give(unit, dirty);
    return nullptr;
  }
  Span& span = *arena_.span(unit);
  span.start = arena_.unit_address(unit);
  span.sample = static_cast<u16>(used_ + 1);
  slots_[used_].unit = unit;
  return &slots_[used_++];
}

void GuardedSlots::rest(u16 index) {
  resting_[(first_ + resting_count_++) % capacity_] = index;
}

GuardedSlots::Slot* GuardedSlots::take() {
  if (Slot* fresh = add_slot()) return fresh;
  if (resting_count_ == 0) return nullptr;
  Slot* oldest = &slots_[resting_[first_]];
  first_ = (first_ + 1) % capacity_;
  --resting_count_;
  return oldest;
}

void* GuardedSlots::allocate(std::size_t bytes, std::size_t alignment, unsigned size_class,
                             const Trace& by) {
  const std::size_t size = bytes ? bytes : 1;
  Locked locked(lock_);
  Slot* slot = take();
  if (!slot) return nullptr;
  slot->pages = static_cast<u32>(round_up(size, kPageBytes) / kPageBytes);
  const std::size_t room = slot->pages * kPageBytes;
  // Any place in the unit that leaves a closed page on both sides.
  slot->open = arena_.unit_address(slot->unit) +
               (1 + random_.below(kUnitPages - 1 - slot->pages)) * kPageBytes;
  if (!arena_.os().unguard(slot->open, room)) {
    arena_.hit(Limit::kMappings);
    rest(static_cast<u16>(slot - slots_));
    return nullptr;
  }
  const bool right = (random_.next() & 1) != 0;
  std::byte* start = right ? slot->open + room - round_up(size, alignment) : slot->open;
  slot->canary = static_cast<u8>(random_.next() | 1);
  slot->allocated = by;
  slot->freed.depth = slot->freed.thread = 0;
  memset(slot->open, slot->canary, static_cast<std::size_t>(start - slot->open));
  memset(start + size, slot->canary, static_cast<std::size_t>(slot->open + room - start) - size);

  Span& span = *arena_.span(slot->unit);
  owner_store(arena_.state_of(span.start), kNotASlot);
  span.start = start;
  span.block_bytes = size;
  span.requested_bytes = bytes;
  span.size_class = static_cast<u8>(size_class);
  span.alignment = static_cast<u32>(alignment);
  span.guarded = false;
  span.owner.store(nullptr, kRelaxed);
  atomic_store(arena_.state_of(start), kLargeLive, kRelease);
  set_kind(span, SpanKind::kLarge);
  return start;
}

const u8* GuardedSlots::damage(const Span& span, u8* expected) const {
  const Slot& slot = slots_[span.sample - 1];
  *expected = slot.canary;
  const auto* at = reinterpret_cast<const u8*>(slot.open);
  const auto* start = reinterpret_cast<const u8*>(span.start);
  for (; at < start; ++at)
    if (*at != slot.canary) return at;
  const u8* end = reinterpret_cast<const u8*>(slot.open) + slot.pages * kPageBytes;
  for (at = start + span.block_bytes; at < end; ++at)
    if (*at != slot.canary) return at;
  return nullptr;
}

void GuardedSlots::release(Span& span, const Trace& by) {
  Slot& slot = slots_[span.sample - 1];
  slot.freed = by;
  // Without a mapping to spare the pages stay open: the slot then is as good as any other freed block.
  if (!arena_.os().guard(slot.open, slot.pages * kPageBytes)) {
    arena_.hit(Limit::kMappings);
    arena_.os().purge(slot.open, slot.pages * kPageBytes);
  }
  Locked locked(lock_);
  rest(static_cast<u16>(span.sample - 1));
}

void GuardedSlots::describe(const Span& span, FaultRecord* record) const {
  const Slot& slot = slots_[span.sample - 1];
  record->alloc_stack = slot.allocated.frames;
  record->alloc_depth = slot.allocated.depth;
  record->alloc_thread = slot.allocated.thread;
  record->free_stack = slot.freed.frames;
  record->free_depth = slot.freed.depth;
  record->free_thread = slot.freed.thread;
}

}  // namespace hak
