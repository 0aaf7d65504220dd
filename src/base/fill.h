#pragma once
// Memory that should hold one byte value throughout: freed slots, canaries.
#include <string.h>

#include "base/annotate.h"
#include "base/types.h"

namespace hak {

/// True if the 8 Words bytes at p all equal the bytes of `want`.
template <unsigned Words>
inline bool all_words(const u8* p, u64 want) {
  u64 words[Words];
  memcpy(words, p, sizeof words);
  u64 other = 0;
  for (const u64 word : words) other |= word ^ want;
  return other == 0;
}

/// From here on libc's compare of a range with itself, a byte on, beats words.
inline constexpr std::size_t kCompareMinBytes = 64;

/// Index of the first byte of [p, p + bytes) that is not `value`; `bytes` if all are. Reads words, the
/// last one over what was read before: the looks at every free and every reuse are what exact records
/// cost most. A memory checker takes libc's compare for the program's and must not see it here.
inline std::size_t first_other(const u8* p, std::size_t bytes, u8 value) {
  if (!annotate::kOn && bytes >= kCompareMinBytes && *p == value && memcmp(p, p + 1, bytes - 1) == 0) return bytes;
  const u64 want = value * u64{0x0101010101010101};
  std::size_t i = 0;
  while (i + 32 <= bytes && all_words<4>(p + i, want)) i += 32;
  while (i + 8 <= bytes && all_words<1>(p + i, want)) i += 8;
  if (i < bytes && i + 8 > bytes && bytes >= 8 && all_words<1>(p + bytes - 8, want)) return bytes;
  while (i < bytes && p[i] == value) ++i;
  return i;
}

}  // namespace hak
