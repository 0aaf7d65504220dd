/* Within the block's last page, in front of the guard. */
#include "heap.h"

int main(void) {
  char* volatile p = malloc(100000);
  p[100000] = 1; /* error: asan memcheck */
  return 0;
}
