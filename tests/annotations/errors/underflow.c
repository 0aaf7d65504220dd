#include "heap.h"

int main(void) {
  char* volatile p = malloc(64);
  if (p[-1]) g_used = 1; /* error: asan msan memcheck */
  return 0;
}
