/* misuse [leak]: one overflow of one byte, one double free made three times, and a block that is kept.
 * Exit status 3. `pid` waits on stdin with the heap in a known state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void* volatile kept;

static char* make(size_t bytes) {
  char* p = malloc(bytes);
  memset(p, 1, bytes);
  return p;
}

static void free_again(char* p) { free(p); }

int main(int argc, char** argv) {
  kept = make(5000);
  if (argc > 1 && strcmp(argv[1], "wait") == 0) {
    for (int i = 0; i < 1000; ++i) make(100);
    for (int i = 0; i < 3; ++i) free(make(100));
    puts("ready");
    fflush(stdout);
    return getchar() == EOF;
  }
  if (argc > 1 && strcmp(argv[1], "clean") == 0) return 0;
  if (argc > 1 && strcmp(argv[1], "double") == 0) {
    char* twice = make(100);
    free(twice);
    free(twice);
    return 0;
  }
  char* over = make(12);
  over[12] = 0;
  free(over);
  char* twice = make(100);
  free(twice);
  for (int i = 0; i < 3; ++i) free_again(twice);
  return 3;
}
