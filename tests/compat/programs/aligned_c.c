// Every function of C that returns aligned memory, freed by free and resized by realloc.
#include <errno.h>
#include <malloc.h>

#include "compat.h"

static void end_block(void* p, size_t size, size_t alignment, int how) {
  CHECK(p && aligned_to(p, alignment));
  fill(p, size, 5);
  if (how == 0) {
    free(p);
    return;
  }
  const size_t next = how == 1 ? size * 2 + 100 : size / 2 + 1;
  char* moved = realloc(p, next);
  CHECK(moved && filled(moved, size < next ? size : next, 5));
  free(moved);
}

int main(void) {
  for (size_t alignment = 8; alignment <= (size_t)1 << 19; alignment *= 2) {
    for (size_t times = 1; times <= 2; ++times)
      for (int how = 0; how < 3; ++how) {
        const size_t size = alignment * times;
        end_block(aligned_alloc(alignment, size), size, alignment, how);
        end_block(memalign(alignment, size + 3), size + 3, alignment, how);
        void* p = NULL;
        CHECK(posix_memalign(&p, alignment, size - 1) == 0);
        end_block(p, size - 1, alignment, how);
      }
  }
  for (size_t size = 1; size < 300000; size = size * 3 + 1) {
    end_block(valloc(size), size, 4096, 0);
    end_block(pvalloc(size), size, 4096, 1);
  }
  // Sizes that C17 allows though they are no multiple, none at all, and what is no alignment.
  end_block(aligned_alloc(64, 100), 100, 64, 0);
  free(aligned_alloc(64, 0));
  free(memalign(32, 0));
  void* p = &p;
  CHECK(posix_memalign(&p, 24, 100) == EINVAL && p == &p);
  CHECK(posix_memalign(&p, 4, 100) == EINVAL && p == &p);
  p = NULL;
  CHECK(posix_memalign(&p, 64, 0) == 0);
  free(p);
  return compat_end("aligned_c");
}
