#include "heap.h"

int main(void) {
  char* volatile p = malloc(20);
  memset(p, 1, 20);
  p[20] = 1; /* error: asan memcheck */
  return 0;
}
