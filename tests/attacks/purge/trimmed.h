#pragma once
// Fills memory with blocks that hold a secret, frees them all and has the memory given back.
#include <malloc.h>
#include <unistd.h>

#include "row.h"

namespace attack {

class Trimmed {
 public:
  explicit Trimmed(size_t size_bytes) : row_(size_bytes) {
    for (size_t i = 0; i < row_.count(); ++i) std::memset(row_[i], 's', size_bytes);
    row_.free_all_but(nullptr);
    malloc_trim(0);
    usleep(300000);  // hakmem keeps pages for a quarter of a second
    give(take(24));
    malloc_trim(0);
  }
  char* middle() const { return row_[row_.count() / 2]; }
  char* block(size_t i) const { return row_[i]; }
  size_t count() const { return row_.count(); }

 private:
  Row row_;
};

}  // namespace attack
