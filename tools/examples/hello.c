/* A program that runs with and without hakmem, and says which. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hakmem.h>

/* Weak, so that the program also starts without it. A static library is only searched for what is
 * not weak. */
#ifndef LINKED_STATICALLY
#pragma weak hakmem_build_info
#endif

int main(void) {
  char* text = malloc(6);
  if (!text) return 1;
  memcpy(text, "hello", 6);
#ifdef LINKED_STATICALLY
  printf("%s from %s\n", text, hakmem_build_info());
#else
  printf("%s from %s\n", text, hakmem_build_info ? hakmem_build_info() : "libc");
#endif
  free(text);
  return 0;
}
