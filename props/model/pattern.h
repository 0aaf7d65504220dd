#pragma once
// What a script writes into its blocks, and finds there again.
#include "base/types.h"

namespace hak::props {

/// Content depends on a tag and on the position, so that neither another block nor a shifted copy
/// passes for it. Blocks up to kWholeBytes are written whole; of larger ones the first bytes, the
/// last, and a word at a few places between. `small` marks every byte with the top bit, `!small` with its absence:
/// what is found in a fresh block can be told by kind.
struct Pattern {
  u64 word = 0;
  bool small = false;
};
Pattern make_pattern(u64 tag, bool small);

inline constexpr std::size_t kWholeBytes = 1024;
inline constexpr std::size_t kHeadBytes = 128;
inline constexpr std::size_t kTailBytes = 32;

/// Calls visit(from, to) for each range that a block of this size carries content in.
template <typename Visit>
void each_filled_range(std::size_t bytes, Visit&& visit) {
  if (bytes <= kWholeBytes) return visit(std::size_t{0}, bytes);
  visit(std::size_t{0}, kHeadBytes);
  const std::size_t tail = (bytes - kTailBytes) / 8 * 8;
  for (std::size_t at = kPageBytes; at + 8 <= tail; at *= 8) visit(at, at + 8);
  visit(tail, bytes);
}

void fill(void* at, std::size_t bytes, Pattern pattern);
/// First position below `bytes` that does not hold what fill(at, filled, pattern) wrote, or -1.
long first_difference(const void* at, std::size_t bytes, std::size_t filled, Pattern pattern);
/// First position that is not zero, or -1. Of more than 64 KiB the first page, the last,
/// and the beginning of some pages between are looked at.
long first_nonzero(const void* at, std::size_t bytes);
/// First position, of the first kWholeBytes, of two bytes written by a `small` pattern, or -1.
long first_small_mark(const void* at, std::size_t bytes);

}  // namespace hak::props
