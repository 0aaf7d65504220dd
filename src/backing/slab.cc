#include "backing/slab.h"

#include <string.h>

#include "base/check.h"

namespace hak {
namespace {

/// Writes headers and states of the next `count` slots and makes them free. The header behind the
/// last slot is written too, so that every carved slot has a header on both sides.
void carve(Arena& arena, Span& slab, u32 unit, u32 count) {
  // Copies: a byte that is written may lie anywhere, so each of these would be read again for each slot.
  const u8 header = slab.header, virgin = with_kind(header, kVirginBits);
  const u32 first = slab.carved, stride = slab.stride;
  std::byte* at = slab_slot_address(slab, first);
  u8* state = arena.state_of(at);
  // The one in front of the first new slot was written with the slot before it.
  if (first == 0) at[-1] = std::byte{header};
  for (u32 i = 0; i < count; ++i) {
    owner_store(state, virgin);
    at += stride;
    state += stride / kGranuleBytes;
    if (!HAK_SEEDED(kHeaderBehindMissing)) at[-1] = std::byte{header};
  }
  u64* bits = arena.free_bits(unit);
  for (u32 slot = first; slot < first + count;) {
    const u32 in_word = 64 - slot % 64, left = first + count - slot;
    const u32 set = left < in_word ? left : in_word;
    bits[slot / 64] |= (~u64{0} >> (64 - set)) << (slot % 64);
    slot += set;
  }
  slab.carved += count;
  slab.free_count += count;
}

}  // namespace

u32 slab_create(Arena& arena, unsigned size_class, Random& random) {
  const u32 units = slab_units(size_class);
  bool dirty = false;
  const u32 unit = arena.take(units, &dirty);
  if (unit == kNoSpan) return kNoSpan;
  Span& slab = *arena.span(unit);
  slab.size_class = static_cast<u8>(size_class);
  slab.header = make_header(route_of_class(size_class), random);
  slab.dirty = dirty;
  slab.on_full_list = false;
  slab.carved = 0;
  slab.free_count = 0;
  slab.stride = kStrides[size_class];
  slab.reciprocal = reciprocal_of(slab.stride);
  slab.birth.store(arena.next_birth(), kRelaxed);
  slab.owner.store(nullptr, kRelaxed);
  slab.queued.store(0, kRelaxed);

  std::size_t bytes = std::size_t{units} * kUnitBytes;
  slab.guarded = arena.guards() && arena.os().light_guards() &&
                 arena.os().guard(arena.unit_address(unit) + bytes - kPageBytes, kPageBytes);
  if (slab.guarded) bytes -= kPageBytes;
  const u32 room = static_cast<u32>(bytes) - first_offset(size_class);
  slab.slots = room / slab.stride + HAK_SEEDED(kSlotBeyondSlab);
  // The tail that no slot uses becomes a random offset of the first slot: cache colour, and one more
  // thing an attacker does not know.
  const u32 steps = (room - slab.slots * slab.stride) / class_alignment(size_class);
  const u32 colour = random.below(steps + 1) * class_alignment(size_class);
  slab.start = arena.unit_address(unit) + first_offset(size_class) + colour;
  slab.empty_listed = false;
  memset(arena.free_bits(unit), 0, (slab.slots + 63) / 64 * 8);
  // The remote bits are zero: whoever sets one in a slab that has ended takes it back (R5).
  arena.map_span(unit, units);
  set_kind(slab, SpanKind::kSlab);
  return unit;
}

void slab_destroy(Arena& arena, u32 unit) {
  Span& slab = *arena.span(unit);
  HAK_CHECK_EQ(slab.free_count, slab.carved);
  const bool touched = slab.carved != 0 || slab.dirty;
  for (u32 slot = HAK_SEEDED(kStaleStates); slot < slab.carved; ++slot)
    owner_store(arena.state_of(slab_slot_address(slab, slot)), kNotASlot);
  for (u32 i = 0; i < slab.units; ++i) atomic_store(arena.word(unit + i), 0, kRelaxed);
  set_kind(slab, SpanKind::kNone);
  std::byte* guard = arena.unit_address(unit + slab.units) - kPageBytes;
  if (slab.guarded && !arena.os().unguard(guard, kPageBytes)) {
    // A page nobody can use: the span stays out of circulation, its memory does not.
    arena.hit(Limit::kMappings);
    arena.os().purge(arena.unit_address(unit), std::size_t{slab.units} * kUnitBytes);
    return;
  }
  slab.guarded = false;
  arena.give(unit, touched);
}

u32 slab_take(Arena& arena, u32 unit, Random& random, bool random_order, void** out, u32 want) {
  Span& slab = *arena.span(unit);
  if (slab.free_count < want && slab.carved < slab.slots) {
    const u32 page_worth = static_cast<u32>(kPageBytes) / slab.stride;
    const u32 missing = want - slab.free_count;
    u32 count = missing > page_worth ? missing : page_worth;
    if (count > slab.slots - slab.carved) count = slab.slots - slab.carved;
    carve(arena, slab, unit, count);
  }
  u64* bits = arena.free_bits(unit);
  const u32 words = (slab.carved + 63) / 64;
  const std::size_t stride = slab.stride;
  const u8 free = with_kind(slab.header, kFreeBits);
  const std::uintptr_t state_bias = arena.state_bias;
  u32 w = random_order ? random.below(words) : 0;
  void** const end = out + want;
  void** at = out;
  for (u32 seen = 0; seen < words && at != end; ++seen, w = w + 1 == words ? 0 : w + 1) {
    const std::uintptr_t first = address_of(slab_slot_address(slab, w * 64));
    u64 word = bits[w];
    for (; word && at != end; word &= word - 1) {
      const std::uintptr_t slot = first + static_cast<u32>(__builtin_ctzll(word)) * stride;
      owner_store(reinterpret_cast<u8*>(state_bias + (slot >> kGranuleShift)), free);
      *at++ = reinterpret_cast<void*>(slot);
    }
    if (!HAK_SEEDED(kDuplicateRefill)) bits[w] = word;
  }
  const u32 taken = static_cast<u32>(at - out);
  slab.free_count -= taken;
  return taken;
}

bool slab_put(Arena& arena, u32 unit, void* slot) {
  Span& slab = *arena.span(unit);
  const u32 index = slab_slot_of(slab, slot);
  u64& word = arena.free_bits(unit)[index / 64];
  const u64 bit = u64{1} << (index % 64);
  if (HAK_UNLIKELY(word & bit)) return false;
  if (!HAK_SEEDED(kFlushLosesSlot)) word |= bit;
  ++slab.free_count;
  return true;
}

u32 slab_put_run(Arena& arena, u32 unit, void* const* slots, u32 count) {
  Span& slab = *arena.span(unit);
  u64* bits = arena.free_bits(unit);
  const std::uintptr_t start = address_of(slab.start);
  const u64 reciprocal = slab.reciprocal;
  const std::uintptr_t bytes = std::uintptr_t{slab.slots} * slab.stride;
  opaque(bits);  // one register, not a base and an offset
  void* const* at = slots;
  void* const* const end = slots + count;
  do {
    const std::uintptr_t offset = address_of(*at) - start;
    if (offset >= bytes) break;
    const u64 index = offset * reciprocal >> kReciprocalShift;
    const u64 bit = u64{1} << (index % 64);
    const u64 word = bits[index / 64];
    HAK_CHECK((word & bit) == 0);
    if (!HAK_SEEDED(kFlushLosesSlot)) bits[index / 64] = word | bit;
  } while (++at != end);
  const u32 put = static_cast<u32>(at - slots);
  HAK_CHECK(put != 0);
  slab.free_count += put;
  return put;
}

bool slab_is_free(const Arena& arena, const void* slot) {
  const u32 unit = arena.span_of(arena.unit_of(slot));
  const Span& slab = *arena.span(unit);
  if (kind_of(slab) != SpanKind::kSlab || !is_slab_slot(byte_load(arena.state_of(slot)))) return true;
  const u32 index = slab_slot_of(slab, slot);
  return (arena.free_bits(unit)[index / 64] >> (index % 64) & 1) != 0;
}

bool slab_post_remote(Arena& arena, u32 unit, u32 slot) {
  const u64 bit = u64{1} << (slot % 64);
  if (HAK_SEEDED(kRemoteBitLost)) return true;
  return (arena.remote_bits(unit)[slot / 64].fetch_or(bit, HAK_SEEDED(kSeqCstMissing) ? kAcqRel : kSeqCst) & bit) == 0;
}

bool slab_unpost_remote(Arena& arena, u32 unit, u32 slot) {
  const u64 bit = u64{1} << (slot % 64);
  return (arena.remote_bits(unit)[slot / 64].fetch_and(~bit, kSeqCst) & bit) == 0;
}

}  // namespace hak
