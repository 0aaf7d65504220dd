// Sizes at the edges: none, too much, nothing to begin with.
#include <errno.h>
#include <stdint.h>

#include "compat.h"

static size_t opaque(size_t value) { return (size_t)hidden((void*)value); }

int main(void) {
  for (size_t size = 1; size < 3000000; size *= 3) {
    char* p = realloc(NULL, size);
    CHECK(p);
    fill(p, size, 1);
    p = realloc(p, size * 2);
    CHECK(p && filled(p, size, 1));
    p = realloc(p, size / 3 + 1);
    CHECK(p && filled(p, size / 3 + 1, 1));
    // glibc's realloc(p, 0) frees; a program that frees what it got back is right either way.
    free(realloc(p, opaque(0)));
  }
  void* none[100];
  for (int i = 0; i < 100; ++i) {
    none[i] = malloc(opaque(0));
    CHECK(none[i]);
    for (int j = 0; j < i; ++j) CHECK(none[j] != none[i]);
  }
  for (int i = 0; i < 100; ++i) free(none[i]);
  free(calloc(opaque(0), 100));
  free(calloc(100, opaque(0)));
  free(realloc(NULL, opaque(0)));
  free(reallocarray(NULL, 10, 10));
  free(NULL);

  const size_t lots = opaque(SIZE_MAX);
  char* kept = malloc(100);
  fill(kept, 100, 2);
  errno = 0;
  CHECK(!malloc(lots) && errno == ENOMEM);
  errno = 0;
  CHECK(!calloc(lots / 2, 4) && errno == ENOMEM);
  errno = 0;
  CHECK(!calloc(lots / 4, 4) && errno == ENOMEM);
  errno = 0;
  CHECK(!realloc(hidden(kept), lots / 2) && errno == ENOMEM);
  errno = 0;
  CHECK(!reallocarray(hidden(kept), lots / 2, 3) && errno == ENOMEM);
  CHECK(filled(kept, 100, 2));
  free(kept);

  // Zeroed memory that is huge but never touched, and the same place again after use.
  for (int i = 0; i < 3; ++i) {
    const size_t huge = (size_t)1 << 30;
    char* zeroed = calloc(huge, 1);
    CHECK(zeroed);
    for (size_t at = 0; at < huge; at += huge / 64) CHECK(zeroed[at] == 0);
    zeroed[huge - 1] = 1;
    free(zeroed);
  }
  for (size_t size = 1; size < 100000; size = size * 2 + 1) {
    for (int i = 0; i < 8; ++i) {
      unsigned char* p = calloc(1, size);
      for (size_t at = 0; at < size; ++at)
        if (p[at]) CHECK(!"zero");
      memset(p, 0xff, size);
      free(p);
    }
    CHECK(size);
  }
  return compat_end("realloc_edges");
}
