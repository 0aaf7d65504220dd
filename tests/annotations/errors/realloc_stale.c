/* Sizes of one class: Release would leave the block where it is. */
#include "heap.h"

int main(void) {
  char* volatile p = malloc(33);
  memset(p, 1, 33);
  char* volatile q = realloc(p, 34);
  q[33] = 1;
  if (p[0]) g_used = 1; /* error: asan msan memcheck */
  free(q);
  return 0;
}
