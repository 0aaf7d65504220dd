#pragma once
// Slabs: spans of same-size slots with an out-of-line free bitmap and a remote-free bitmap. Only the
// owner (or whoever holds the abandoned list's lock) calls these, except post_remote.
#include "backing/arena.h"

namespace hak {

/// Makes a slab of the class, nothing carved yet, owned by nobody. kNoSpan when memory is exhausted.
u32 slab_create(Arena& arena, unsigned size_class, Random& random);

/// Gives an entirely free slab back to the arena. Its states become "not a slot" first.
void slab_destroy(Arena& arena, u32 unit);

/// Moves up to `want` free slots to `out` (order: as they lie from a random place on), carving fresh
/// ones as needed. Their states become "free". Returns how many.
u32 slab_take(Arena& arena, u32 unit, Random& random, bool random_order, void** out, u32 want);

/// Puts a slot back into the bitmap. False, and nothing changed, if it was there already.
bool slab_put(Arena& arena, u32 unit, void* slot);

/// Puts the slots back that lie in this slab, from the first to the one before the first that does
/// not. Returns how many; the first must lie in it. None of them may be in the bitmap.
u32 slab_put_run(Arena& arena, u32 unit, void* const* slots, u32 count);

/// Index of the slot that starts at or contains p. p must be inside the slab, at or behind `start`.
FAST_PATH u32 slab_slot_of(const Span& slab, const void* p) {
  return slot_index(static_cast<u32>(address_of(p) - address_of(slab.start)), slab.reciprocal);
}
inline std::byte* slab_slot_address(const Span& slab, u32 slot) {
  return slab.start + std::size_t{slot} * slab.stride;
}

/// True if the slot lies in its slab's free bitmap, or is the start of no slot of a slab.
bool slab_is_free(const Arena& arena, const void* slot);

/// Records a remote free whose state exchange succeeded. Any thread. False if the bit was set: the
/// slot is freed twice at once.
bool slab_post_remote(Arena& arena, u32 unit, u32 slot);

/// Takes a posted bit back. False if it was still there; true if a collector has it.
bool slab_unpost_remote(Arena& arena, u32 unit, u32 slot);

/// Takes all posted remote frees; calls found(p) for each slot. Owner only.
template <typename Found>
u32 slab_collect_remote(Arena& arena, u32 unit, Found&& found) {
  Span& slab = *arena.span(unit);
  Atomic<u64>* words = arena.remote_bits(unit);
  u32 count = 0;
  for (u32 w = 0; w * 64 < slab.slots; ++w) {
    if (words[w].load(kSeqCst) == 0) continue;
    u64 bits = words[w].exchange(0, kAcquire);
    for (; bits; bits &= bits - 1) {
      const u32 slot = w * 64 + static_cast<u32>(__builtin_ctzll(bits));
      if (slot >= slab.carved) continue;
      found(slab_slot_address(slab, slot));
      ++count;
    }
  }
  return count;
}

}  // namespace hak
