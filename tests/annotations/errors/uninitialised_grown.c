/* realloc keeps what was written and what was not, and the new part is not written. */
#include "heap.h"

int main(void) {
  char* volatile p = malloc(40000);
  memset(p, 1, 40000);
  p = realloc(p, 90000);
  if (p[39999] != 1) abort();
  if (p[40000]) g_used = 1; /* error: msan memcheck */
  free(p);
  return 0;
}
