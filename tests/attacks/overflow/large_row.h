#pragma once
// Two large blocks of which one lies right behind the other, as near as the allocator puts them.
#include <algorithm>

#include "attack.h"

namespace attack {

class LargeRow {
 public:
  explicit LargeRow(size_t size_bytes) {
    for (char*& block : blocks_) block = take(size_bytes);
    std::sort(blocks_, blocks_ + kBlocks);
    constexpr ptrdiff_t kNear = 128 << 10;
    for (size_t i = 0; i + 1 < kBlocks; ++i) {
      char* end = blocks_[i] + usable(blocks_[i]);
      if (blocks_[i + 1] - end > kNear) continue;
      left_end_ = end;
      right_ = blocks_[i + 1];
      return;
    }
    broken("no two blocks are neighbours");
  }
  char* left_end() const { return left_end_; }  // first byte that is not the left block's
  char* right() const { return right_; }

 private:
  static constexpr size_t kBlocks = 8;
  char* blocks_[kBlocks] = {};
  char* left_end_ = nullptr;
  char* right_ = nullptr;
};

}  // namespace attack
