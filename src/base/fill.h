#pragma once
// Memory that should hold one byte value throughout: freed slots, canaries.
#include <string.h>

#include "base/types.h"

namespace hak {

/// Index of the first byte of [p, p + bytes) that is not `value`; `bytes` if all are. Reads words, 32
/// bytes a round: the looks at every free and every reuse are what the paranoid profile spends most on.
inline std::size_t first_other(const u8* p, std::size_t bytes, u8 value) {
  const u64 want = value * u64{0x0101010101010101};
  std::size_t i = 0;
  for (; i + 32 <= bytes; i += 32) {
    u64 words[4];
    memcpy(words, p + i, sizeof words);
    if ((words[0] ^ want) | (words[1] ^ want) | (words[2] ^ want) | (words[3] ^ want)) break;
  }
  while (i < bytes && p[i] == value) ++i;
  return i;
}

}  // namespace hak
