#pragma once
// Per-thread pseudo-random numbers for slot order, colours and guard sizes.
#include "base/types.h"

namespace hak {

/// wyrand (Wang Yi, 2019): 64 bits per multiply. Fast, not cryptographic: a program that reads many
/// addresses can reconstruct it; SECURITY.md says what that gives. Seeded from the kernel per thread
/// and again in the child of fork. Not thread safe: one per thread.
class Random {
 public:
  constexpr explicit Random(u64 seed = 0) : state_(seed) {}

  FAST_PATH u64 next() {
    state_ += 0xa0761d6478bd642fULL;
    const u128 product = static_cast<u128>(state_) * (state_ ^ 0xe7037ed1a0b428dbULL);
    return static_cast<u64>(product >> 64) ^ static_cast<u64>(product);
  }

  /// Uniform in [0, bound) up to a bias of bound / 2^32; bound must not be 0.
  FAST_PATH u32 below(u32 bound) {
    return static_cast<u32>(((next() >> 32) * bound) >> 32);
  }

 private:
  u64 state_;
};

}  // namespace hak
