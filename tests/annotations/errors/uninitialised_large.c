/* The pages are fresh from the kernel, zero, and still nobody has written them. */
#include "heap.h"

int main(void) {
  char* volatile p = malloc(1 << 20);
  if (p[5000]) g_used = 1; /* error: msan memcheck */
  free(p);
  return 0;
}
