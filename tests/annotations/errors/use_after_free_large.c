#include "heap.h"

int main(void) {
  char* volatile p = calloc(1, 300000);
  free(p);
  if (p[200000]) g_used = 1; /* error: asan msan memcheck */
  return 0;
}
