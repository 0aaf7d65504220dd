#pragma once
// Memory that holds one byte value throughout: freed slots, canaries. A look at all of a slot is what
// the paranoid profile spends most on, so the bytes go by in chunks, and what is left over is covered
// by chunks that overlap instead of a loop whose end the processor cannot foresee.
#include <string.h>

#include "base/types.h"

namespace hak {

/// One register of every 64-bit processor there is.
typedef u8 Chunk __attribute__((vector_size(16)));
inline constexpr std::size_t kChunk = sizeof(Chunk);

/// 16 bytes at any address. A reference would be one to an aligned chunk for some compilers.
FAST_PATH Chunk chunk_at(const u8* p) {
  Chunk chunk;
  memcpy(&chunk, p, kChunk);
  return chunk;
}
FAST_PATH void put_chunk(u8* p, Chunk chunk) { memcpy(p, &chunk, kChunk); }
FAST_PATH Chunk splat(u8 value) { return Chunk{} + value; }
FAST_PATH bool is_zero(Chunk chunk) {
  u64 words[2];
  memcpy(words, &chunk, sizeof words);
  return (words[0] | words[1]) == 0;
}
FAST_PATH std::size_t lesser(std::size_t a, std::size_t b) { return a < b ? a : b; }

/// Index of the first byte of [p, p + bytes) that is not `value`; `bytes` if all are. For reports.
inline std::size_t first_other(const u8* p, std::size_t bytes, u8 value) {
  std::size_t i = 0;
  while (i < bytes && p[i] == value) ++i;
  return i;
}

/// True if every byte of [p, p + bytes) is `value`.
FAST_PATH bool holds_only(const u8* p, std::size_t bytes, u8 value) {
  if (HAK_UNLIKELY(bytes < kChunk)) return first_other(p, bytes, value) == bytes;
  const Chunk want = splat(value);
  const std::size_t last = bytes - kChunk;
  if (bytes < 4 * kChunk)
    return is_zero((chunk_at(p) ^ want) | (chunk_at(p + lesser(kChunk, last)) ^ want) |
                   (chunk_at(p + lesser(2 * kChunk, last)) ^ want) | (chunk_at(p + last) ^ want));
  const auto four = [&](const u8* at) {
    return (chunk_at(at) ^ want) | (chunk_at(at + kChunk) ^ want) | (chunk_at(at + 2 * kChunk) ^ want) |
           (chunk_at(at + 3 * kChunk) ^ want);
  };
  Chunk other = four(p + bytes - 4 * kChunk);
  for (const u8* end = p + bytes - 4 * kChunk; p < end; p += 4 * kChunk) other |= four(p);
  return is_zero(other);
}

/// From here on the C library's fill is faster: it may use more of the processor.
inline constexpr std::size_t kLongFill = 512;

FAST_PATH void fill_with(u8* p, std::size_t bytes, u8 value) {
  if (HAK_UNLIKELY(bytes < kChunk || bytes >= kLongFill)) {
    memset(p, value, bytes);
    return;
  }
  const Chunk want = splat(value);
  const std::size_t last = bytes - kChunk;
  if (bytes < 4 * kChunk) {
    put_chunk(p, want);
    put_chunk(p + lesser(kChunk, last), want);
    put_chunk(p + lesser(2 * kChunk, last), want);
    put_chunk(p + last, want);
    return;
  }
  const auto four = [&](u8* at) {
    for (std::size_t i = 0; i < 4; ++i) put_chunk(at + i * kChunk, want);
  };
  four(p + bytes - 4 * kChunk);
  for (const u8* end = p + bytes - 4 * kChunk; p < end; p += 4 * kChunk) four(p);
}

/// A chunk whose last `count` bytes, at most 16, have all bits.
struct TailMasks {
  u8 bytes[2 * kChunk] = {};
  constexpr TailMasks() {
    for (std::size_t i = kChunk; i < 2 * kChunk; ++i) bytes[i] = 0xff;
  }
};
inline constexpr TailMasks kTailMasks;
FAST_PATH Chunk tail_mask(std::size_t count) { return chunk_at(kTailMasks.bytes + count); }

/// Writes, or checks, the canary over the slack of a block, [from, usable). The slack is mostly shorter
/// than a chunk: then the block's last one is taken whole, and what is not slack left alone.
FAST_PATH void write_canary(u8* p, std::size_t from, std::size_t usable, u8 canary) {
  const std::size_t slack = usable - from;
  if (slack >= kChunk || HAK_UNLIKELY(usable < kChunk)) return fill_with(p + from, slack, canary);
  const Chunk mask = tail_mask(slack);
  u8* last = p + usable - kChunk;
  put_chunk(last, (chunk_at(last) & ~mask) | (splat(canary) & mask));
}
FAST_PATH bool canary_holds(const u8* p, std::size_t from, std::size_t usable, u8 canary) {
  const std::size_t slack = usable - from;
  if (slack >= kChunk || HAK_UNLIKELY(usable < kChunk)) return holds_only(p + from, slack, canary);
  return is_zero((chunk_at(p + usable - kChunk) ^ splat(canary)) & tail_mask(slack));
}

}  // namespace hak
