#include "model/pattern.h"

#include <string.h>

namespace hak::props {
namespace {

constexpr u64 kTop = 0x8080808080808080ULL;
constexpr std::size_t kZeroWholeBytes = 64 * 1024;

u64 word_at(Pattern pattern, std::size_t index) {
  const u64 word = pattern.word + index * 0x9e3779b97f4a7c15ULL;
  return pattern.small ? word | kTop : word & ~kTop;
}

void write_range(std::byte* at, std::size_t from, std::size_t to, Pattern pattern) {
  std::size_t i = from;
  for (; i + 8 <= to; i += 8) {
    const u64 word = word_at(pattern, i / 8);
    memcpy(at + i, &word, 8);
  }
  const u64 word = word_at(pattern, i / 8);
  if (i < to) memcpy(at + i, &word, to - i);
}

long compare_range(const std::byte* at, std::size_t from, std::size_t to, Pattern pattern) {
  std::size_t i = from;
  for (; i + 8 <= to; i += 8) {
    u64 found;
    memcpy(&found, at + i, 8);
    const u64 wrong = found ^ word_at(pattern, i / 8);
    if (wrong) return static_cast<long>(i) + __builtin_ctzll(wrong) / 8;
  }
  const u64 want = word_at(pattern, i / 8);
  for (std::size_t k = 0; i + k < to; ++k)
    if (at[i + k] != reinterpret_cast<const std::byte*>(&want)[k]) return static_cast<long>(i + k);
  return -1;
}

long nonzero_in(const std::byte* at, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    u64 word = 0;
    if (i + 8 <= to) {
      memcpy(&word, at + i, 8);
      if (word == 0) {
        i += 7;
        continue;
      }
    }
    if (at[i] != std::byte{0}) return static_cast<long>(i);
  }
  return -1;
}

}  // namespace

Pattern make_pattern(u64 tag, bool small) { return {(tag + 1) * 0xbf58476d1ce4e5b9ULL, small}; }

void fill(void* at, std::size_t bytes, Pattern pattern) {
  each_filled_range(bytes, [&](std::size_t from, std::size_t to) {
    write_range(static_cast<std::byte*>(at), from, to, pattern);
  });
}

long first_difference(const void* at, std::size_t bytes, std::size_t filled, Pattern pattern) {
  long found = -1;
  each_filled_range(filled, [&](std::size_t from, std::size_t to) {
    if (found < 0 && from < bytes)
      found = compare_range(static_cast<const std::byte*>(at), from, to < bytes ? to : bytes, pattern);
  });
  return found;
}

long first_nonzero(const void* at, std::size_t bytes) {
  const std::byte* begin = static_cast<const std::byte*>(at);
  if (bytes <= kZeroWholeBytes) return nonzero_in(begin, 0, bytes);
  if (const long found = nonzero_in(begin, 0, kPageBytes); found >= 0) return found;
  for (std::size_t page = kPageBytes; page + 64 <= bytes; page *= 2)
    if (const long found = nonzero_in(begin, page, page + 64); found >= 0) return found;
  return nonzero_in(begin, bytes - kPageBytes, bytes);
}

long first_small_mark(const void* at, std::size_t bytes) {
  const u8* begin = static_cast<const u8*>(at);
  if (bytes > kWholeBytes) bytes = kWholeBytes;
  for (std::size_t i = 0; i + 1 < bytes; ++i) {
    u64 word = 0;
    if (i + 8 <= bytes) {
      memcpy(&word, begin + i, 8);
      if (!(word & kTop)) {
        i += 7;
        continue;
      }
    }
    if (begin[i] >= 0x80 && begin[i + 1] >= 0x80) return static_cast<long>(i);
  }
  return -1;
}

}  // namespace hak::props
