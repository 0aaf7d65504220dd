#pragma once
// Zeroing of freed slots, by batch: +2 ns a slot up to 120 bytes against +13 at 500.
#include <string.h>

#include "backing/geometry.h"

namespace hak {

/// Slots of 16 * Chunks bytes but for the last byte, which is the header of the slot behind.
template <u32 Chunks>
inline void zero_chunks(void** slots, u32 count) {
  for (u32 i = 0; i < count; ++i) __builtin_memset(slots[i], 0, Chunks * kGranuleBytes - 1);
}

inline void zero_slots(unsigned size_class, void** slots, u32 count) {
  switch (kStrides[size_class] / kGranuleBytes) {
    case 1: return zero_chunks<1>(slots, count);
    case 2: return zero_chunks<2>(slots, count);
    case 3: return zero_chunks<3>(slots, count);
    case 4: return zero_chunks<4>(slots, count);
    case 5: return zero_chunks<5>(slots, count);
    case 6: return zero_chunks<6>(slots, count);
    case 7: return zero_chunks<7>(slots, count);
    case 8: return zero_chunks<8>(slots, count);
    default: break;
  }
  for (u32 i = 0; i < count; ++i) memset(slots[i], 0, kStrides[size_class] - 1);
}

}  // namespace hak
