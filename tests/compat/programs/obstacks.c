// GNU obstacks: chunks that grow, shrink and are freed out of their middle.
#include <obstack.h>

#include "compat.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

int main(void) {
  struct obstack stack;
  obstack_init(&stack);
  char* kept[200];
  for (int i = 0; i < 200; ++i) {
    for (int j = 0; j <= i; ++j) obstack_1grow(&stack, (char)('a' + j % 26));
    obstack_1grow(&stack, '\0');
    kept[i] = obstack_finish(&stack);
  }
  for (int i = 0; i < 200; ++i) CHECK(strlen(kept[i]) == (size_t)i + 1);
  CHECK(obstack_memory_used(&stack) > 20000);
  obstack_free(&stack, kept[100]);
  for (int i = 0; i < 100; ++i) CHECK(strlen(kept[i]) == (size_t)i + 1);
  for (int i = 0; i < 2000; ++i) obstack_printf(&stack, "%d,", i);
  CHECK(obstack_object_size(&stack) == 8890);
  obstack_printf(&stack, "end");
  obstack_1grow(&stack, 0);
  const char* text = obstack_finish(&stack);
  CHECK(strlen(text) == 8893);
  char* huge = obstack_alloc(&stack, 3000000);
  fill(huge, 3000000, 2);
  CHECK(filled(huge, 3000000, 2));
  obstack_alignment_mask(&stack) = 63;
  CHECK(aligned_to(obstack_alloc(&stack, 10), 1));
  CHECK(aligned_to(obstack_alloc(&stack, 10), 64));
  obstack_free(&stack, NULL);
  return compat_end("obstacks");
}
