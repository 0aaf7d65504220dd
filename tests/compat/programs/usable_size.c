// A program may use all that malloc_usable_size says.
#include <malloc.h>

#include "compat.h"

int main(void) {
  CHECK(malloc_usable_size(NULL) == 0);
  for (size_t size = 1; size < 200000; size = size * 9 / 8 + 1) {
    char* blocks[6] = {malloc(size),           calloc(1, size),
                       memalign(256, size),    realloc(NULL, size),
                       aligned_alloc(16, size), realloc(malloc(size / 2), size)};
    size_t usable[6];
    for (unsigned i = 0; i < 6; ++i) {
      CHECK(blocks[i]);
      usable[i] = malloc_usable_size(blocks[i]);
      CHECK(usable[i] >= size);
      fill(blocks[i], usable[i], i);
    }
    for (unsigned i = 0; i < 6; ++i) CHECK(filled(blocks[i], usable[i], i));
    for (unsigned i = 0; i < 6; ++i) {
      // The same size, less, and more: what was there stays.
      const size_t sizes[3] = {usable[i] ? usable[i] : 1, usable[i] / 2 + 1, usable[i] * 2 + 1};
      const size_t next = sizes[i % 3];
      blocks[i] = realloc(blocks[i], next);
      CHECK(blocks[i] && filled(blocks[i], next < usable[i] ? next : usable[i], i));
      const size_t now = malloc_usable_size(blocks[i]);
      CHECK(now >= next);
      fill(blocks[i], now, i + 100);
      CHECK(filled(blocks[i], now, i + 100));
      free(blocks[i]);
    }
  }
  return compat_end("usable_size");
}
