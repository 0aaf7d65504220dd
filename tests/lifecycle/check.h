#pragma once
/* For the C and the C++ programs of this directory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ends the program at once, without handlers: those may be what is tested. */
#define CHECK(condition, what)                                                             \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      fprintf(stderr, "FAILED %s:%d: %s (%s, errno %d)\n", __FILE__, __LINE__, #condition, \
              what, errno);                                                                \
      _exit(1);                                                                            \
    }                                                                                      \
  } while (0)

/* Whether a file whose path contains `name` is mapped into this process. */
static inline int is_mapped(const char* name) {
  int found = 0;
  char line[1024];
  FILE* maps = fopen("/proc/self/maps", "r");
  CHECK(maps != NULL, "cannot read the mappings");
  while (fgets(line, sizeof line, maps)) found |= strstr(line, name) != NULL;
  fclose(maps);
  return found;
}
