#include "heap.h"

static void lose(void) {
  char* volatile p = malloc(200000); /* error: memcheck */
  p[0] = 1;
  p = NULL;
}

int main(void) {
  lose();
  return 0;
}
