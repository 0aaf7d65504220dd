#pragma once
// Large blocks: a span of their own, with guards on both sides and a random place between them.
// The state byte of the first granule is the authority, exactly as for a slot.
//
// L1  live(block) <=> state == kLargeLive, span kind kLarge, span.start == block
#include "backing/arena.h"

namespace hak {

class LargeBlocks {
 public:
  constexpr explicit LargeBlocks(Arena& arena) : arena_(arena) {}

  /// A block of `bytes` at `alignment` (a power of two). Zero if asked for, without touching pages
  /// that are fresh from the kernel. Null when memory is exhausted. Any thread.
  void* allocate(std::size_t bytes, std::size_t alignment, bool zero);
  /// Takes the block out of the live state. False if it was not live (any more).
  bool claim(void* block);
  /// Makes a claimed block live again.
  void unclaim(void* block);
  /// Gives a claimed block back.
  void release(void* block);
  /// Resizes in place. False if it cannot; then nothing has changed. Only the block's user.
  bool resize(void* block, std::size_t bytes);
  /// Moves the pages of `from` to the larger block `to` instead of copying. False: copy.
  bool move_pages(void* from, void* to);

  std::size_t usable_bytes(const void* block) const {
    return arena_.span(arena_.span_of(arena_.unit_of(block)))->block_bytes;
  }

 private:
  void guard_sides(Span& span, u32 unit);
  void unguard_sides(Span& span, u32 unit);
  Arena& arena_;
  Atomic<u64> random_state_{0};
  Atomic<u32> moves_{0};
};

}  // namespace hak
