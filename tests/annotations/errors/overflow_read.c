#include "heap.h"

int main(void) {
  char* volatile p = malloc(100);
  memset(p, 1, 100);
  if (p[100]) g_used = 1; /* error: asan msan memcheck */
  free(p);
  return 0;
}
