/* 47 bytes fill the slot: the byte behind is the next block's header. */
#include "heap.h"

int main(void) {
  char* volatile p = malloc(47);
  memset(p, 1, 47);
  if (p[47] == 7) g_used = 1; /* error: asan msan memcheck */
  return 0;
}
