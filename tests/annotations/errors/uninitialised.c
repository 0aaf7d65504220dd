#include "heap.h"

int main(void) {
  int* volatile p = malloc(10 * sizeof(int));
  p[0] = 1;
  if (p[1]) g_used = 1; /* error: msan memcheck */
  free(p);
  return 0;
}
