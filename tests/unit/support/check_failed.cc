// The library's own writes with write(2); a test program may use stdio.
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace hak {

void check_failed(const char* expression, const char* file, int line, unsigned long left,
                  unsigned long right) {
  std::fprintf(stderr, "internal check failed: %s (%lu, %lu) at %s:%d\n", expression, left, right,
               file, line);
  std::abort();
}

}  // namespace hak
