// What <malloc.h> has besides: statistics and tuning may say what they like, but answer; hooks are gone.
#include <malloc.h>
#include <mcheck.h>

#include "compat.h"

int main(void) {
  static const char* const gone[] = {"__malloc_hook", "__free_hook", "__realloc_hook", "__memalign_hook",
                                     "__malloc_initialize_hook", "__after_morecore_hook"};
  void* block = malloc(12345);
  for (size_t i = 0; i < sizeof gone / sizeof gone[0]; ++i) CHECK(!dlsym(RTLD_DEFAULT, gone[i]));
  mtrace();
  free(malloc(100));
  muntrace();
  const struct mallinfo2 info = mallinfo2();
  CHECK(info.uordblks >= 12345);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 1 << 17);
  malloc_trim(0);
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  CHECK(malloc_info(0, out) == 0);
  fclose(out);
  CHECK(size > 10 && strstr(text, "<malloc") && strstr(text, "</malloc>"));
  free(text);
  free(block);
  return compat_end("malloc_extras");
}
