#pragma once
/* What the targets share. PLANTED chooses a bug: 0 none, 1 overflow, 2 use after free, 3 double free. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef PLANTED
#define PLANTED 0
#endif

enum { kOverflow = 1, kUseAfterFree = 2, kDoubleFree = 3 };

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

/* A copy with its own terminator; the planted overflow forgets the room for it. */
static inline char* copy_text(const char* text, size_t length) {
  char* copy = malloc(PLANTED == kOverflow && length % 8 == 7 ? length : length + 1);
  if (!copy) return NULL;
  memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}
