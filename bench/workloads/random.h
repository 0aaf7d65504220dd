// The generator of every workload: small, seeded, the same on every machine.
#pragma once

#include <cstdint>

namespace hakbench {

class Random {
 public:
  // Neighbouring seeds must not give related sequences, so the seed is mixed first (splitmix64).
  explicit Random(uint64_t seed) {
    uint64_t mixed = seed + 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    state_ = (mixed ^ (mixed >> 31)) | 1;
  }

  uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

  // Uniform in [0, bound); bound below 2^32.
  uint64_t below(uint64_t bound) { return ((next() >> 32) * bound) >> 32; }

  // Uniform in [low, high].
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }

 private:
  uint64_t state_;
};

}  // namespace hakbench
