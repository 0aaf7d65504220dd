#include "heap.h"

static void lose(void) {
  char* volatile p = malloc(77); /* error: memcheck */
  p[0] = 1;
  p = NULL;
}

int main(void) {
  void* volatile kept = malloc(10);
  lose();
  free(kept);
  return 0;
}
