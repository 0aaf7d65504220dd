#pragma once
// The slot-state byte, the authority on what a pointer is, and the keyed header byte it is compared
// with. One state byte per 16-byte granule, out of line; the header is at ptr - 1, in band.
//
//   0000 0000  not the start of a slot
//   00kk kkkk  free: in a magazine or in the slab          k = the slab's key, 2..63
//   10kk kkkk  live; equal to the slab's header byte
//   01kk kkkk  freed by a thread that does not own the slab, not collected yet
//   11kk kkkk  never handed out
//   0000 0001  start of a live large block     0100 0001  of a freed one that is still cached
//
// H1  live(slot) <=> state == 0x80 | k, and then the header byte before it is the same value.
// H2  Only the owner writes a state, except live -> remote, which any thread does by exchange.
// The header is the note's 0xA0 | route class, its low six bits keyed by the slab's secret.
#include "base/random.h"
#include "base/seeded.h"

namespace hak {

inline constexpr u8 kKeyMask = 0x3f;
inline constexpr u8 kStateMask = 0xc0;
inline constexpr u8 kNotASlot = 0x00;
inline constexpr u8 kFreeBits = 0x00;
inline constexpr u8 kRemoteBits = 0x40;
inline constexpr u8 kLiveBits = 0x80;
inline constexpr u8 kVirginBits = 0xc0;
inline constexpr u8 kLargeLive = 0x01;
inline constexpr u8 kLargeFreed = 0x41;
inline constexpr u8 kLowestKey = 2;

/// One signed compare: 0x80..0xbf are the most negative bytes.
FAST_PATH constexpr bool is_live_state(u8 state) {
  return static_cast<signed char>(state) < static_cast<signed char>(kVirginBits);
}
FAST_PATH constexpr u8 state_kind(u8 state) { return static_cast<u8>(state & kStateMask); }
FAST_PATH constexpr u8 with_kind(u8 state, u8 bits) {
  return static_cast<u8>((state & kKeyMask) | bits);
}
FAST_PATH constexpr bool is_slab_slot(u8 state) { return (state & kKeyMask) >= kLowestKey; }

/// The live header byte of a slab: 0xA0 | (route class & 15), keyed.
inline u8 make_header(unsigned route, Random& random) {
  const u8 label = static_cast<u8>(0xa0 | (route & 15));
  u8 key = 0;
  do {
    key = static_cast<u8>((label ^ (HAK_SEEDED(kKeyNotRandom) ? 0 : random.below(64))) & kKeyMask);
  } while (key < kLowestKey);
  return static_cast<u8>(kLiveBits | key);
}

static_assert(is_live_state(0x80) && is_live_state(0xbf));
static_assert(!is_live_state(0xc0) && !is_live_state(0xff) && !is_live_state(0) &&
              !is_live_state(0x7f));

}  // namespace hak
