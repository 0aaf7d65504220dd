#include "heap.h"

int main(void) {
  int* volatile p = calloc(10, sizeof(int));
  free(p);
  if (p[3]) g_used = 1; /* error: asan msan memcheck */
  return 0;
}
