/* A small program for debuggers and Valgrind. */
#include "check.h"

int stop_here(char* block);
__attribute__((noinline)) int stop_here(char* block) { return block[1] == 'k'; }

int main(void) {
  char* kept[200];
  size_t sum = 0;
  for (size_t i = 0; i < 200; ++i) {
    kept[i] = malloc(1 + i * 300);
    CHECK(kept[i] != NULL, "malloc");
    memset(kept[i], 'k', 1 + i * 300);
  }
  CHECK(stop_here(kept[1]), "the block");
  for (size_t i = 0; i < 200; ++i) {
    sum += (size_t)kept[i][i * 300];
    free(kept[i]);
  }
  printf("sum %zu\n", sum);
  return 0;
}
