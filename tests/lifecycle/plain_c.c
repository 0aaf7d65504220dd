/* A C program with the library preloaded: it needs no C++ runtime. */
#include "check.h"

int main(void) {
  CHECK(is_mapped("libhakmem"), "the library is preloaded");
  CHECK(!is_mapped("libstdc++"), "no C++ runtime");
  CHECK(!is_mapped("libgcc_s"), "no runtime of the compiler");
  for (size_t round = 0; round < 100; ++round) {
    unsigned char* blocks[64];
    for (size_t i = 0; i < 64; ++i) {
      const size_t bytes = 1 + i * i * 20;
      blocks[i] = i % 2 ? calloc(1, bytes) : malloc(bytes);
      CHECK(blocks[i] != NULL, "malloc");
      CHECK(i % 2 == 0 || (blocks[i][0] == 0 && blocks[i][bytes - 1] == 0), "calloc is zero");
      memset(blocks[i], 0x5a, bytes);
    }
    for (size_t i = 0; i < 64; ++i) {
      blocks[i] = realloc(blocks[i], 2 + i * i * 40);
      CHECK(blocks[i] && blocks[i][0] == 0x5a && blocks[i][i * i * 20] == 0x5a, "realloc");
      free(blocks[i]);
    }
  }
  puts("plain C runs");
  return 0;
}
