#pragma once
// A row of blocks of one size, as an attacker grooms the heap: enough of them that two are sure to
// be neighbours, whatever order the allocator hands them out in.
#include <algorithm>

#include "attack.h"

namespace attack {

struct Pair {
  char* left;
  char* right;
};

class Row {
 public:
  static constexpr size_t kMaxBlocks = 1024;

  explicit Row(size_t size_bytes) : count_(churn_count(size_bytes)) {
    if (count_ > kMaxBlocks) count_ = kMaxBlocks;
    for (size_t i = 0; i < count_; ++i) {
      blocks_[i] = take(size_bytes);
      if (blocks_[i] == nullptr) broken("out of memory");
    }
    std::sort(blocks_, blocks_ + count_);
    stride_bytes_ = static_cast<size_t>(blocks_[1] - blocks_[0]);
    for (size_t i = 1; i + 1 < count_; ++i) {
      stride_bytes_ = std::min(stride_bytes_, static_cast<size_t>(blocks_[i + 1] - blocks_[i]));
    }
  }

  size_t stride_bytes() const { return stride_bytes_; }
  size_t count() const { return count_; }
  char* operator[](size_t i) const { return blocks_[i]; }

  /// Two blocks of which the second starts where the first ends, from the middle of the row.
  Pair neighbours() const {
    for (size_t i = count_ / 2; i + 2 < count_; ++i) {
      if (adjacent(i)) return {blocks_[i], blocks_[i + 1]};
    }
    broken("no two blocks are neighbours");
  }

  /// First byte behind the left block that does not belong to it.
  ptrdiff_t end_of(char* block) const { return static_cast<ptrdiff_t>(usable(block)); }

  /// A slot-shaped address behind a block of the row that is not itself in the row.
  char* beyond() const {
    for (size_t i = count_; i-- > 0;) {
      char* candidate = blocks_[i] + stride_bytes_;
      const uintptr_t end = address(candidate) + stride_bytes_;
      const bool same_unit = end >> 16 == address(blocks_[i]) >> 16;
      const bool last = i + 1 == count_ || !adjacent(i);
      if (last && (same_unit || !against_hakmem())) return candidate;
    }
    broken("the row fills its slabs");
  }

  void free_all_but(const char* kept) {
    for (size_t i = 0; i < count_; ++i) {
      if (blocks_[i] != kept) give(blocks_[i]);
    }
  }

 private:
  bool adjacent(size_t i) const {
    return static_cast<size_t>(blocks_[i + 1] - blocks_[i]) == stride_bytes_;
  }

  size_t count_;
  size_t stride_bytes_ = 0;
  char* blocks_[kMaxBlocks] = {};
};

}  // namespace attack
