#include "heap.h"

int main(void) {
  char* volatile p = malloc(3000);
  char* volatile other = malloc(3000);
  free(p);
  other[0] = 1;
  p[2999] = 1; /* error: asan memcheck */
  return 0;
}
