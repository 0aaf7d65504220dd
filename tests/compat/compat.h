#pragma once
// What the programs share: a check that counts, and the line that a run ends with.
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __cplusplus
#define COMPAT_CAST(type, value) reinterpret_cast<type>(value)
#define COMPAT_NUMBER(value) static_cast<int>(value)
#else
#define COMPAT_CAST(type, value) ((type)(value))
#define COMPAT_NUMBER(value) ((int)(value))
#endif

static unsigned long compat_checked = 0;

__attribute__((unused, noinline)) static void compat_check(int holds, const char* what, const char* file, int line) {
  if (!holds) {
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    _exit(1);
  }
  __atomic_fetch_add(&compat_checked, 1, __ATOMIC_RELAXED);
}
#define CHECK(condition) compat_check(!!(condition), #condition, __FILE__, __LINE__)

/// The last act of main: the same line under every allocator. The runner says which one there should be.
__attribute__((unused)) static int compat_end(const char* theme) {
  CHECK((dlsym(RTLD_DEFAULT, "hakmem_build_info") != NULL) == (getenv("COMPAT_HAKMEM") != NULL));
  printf("%s: %lu checks hold\n", theme, compat_checked);
  return 0;
}

/// Makes the compiler forget where a pointer came from.
__attribute__((unused)) static void* hidden(void* p) {
  __asm__ volatile("" : "+r"(p) : : "memory");
  return p;
}

static inline int compat_byte(size_t at, unsigned seed) {
  return COMPAT_NUMBER((seed + at * 7U) & 0xffU);
}

/// Writes all of the block, and says later whether that is still there.
__attribute__((unused)) static void fill(void* p, size_t size, unsigned seed) {
  char* bytes = COMPAT_CAST(char*, p);
  for (size_t i = 0; i < size; ++i) memset(bytes + i, compat_byte(i, seed), 1);
}
__attribute__((unused)) static int filled(const void* p, size_t size, unsigned seed) {
  const unsigned char* bytes = COMPAT_CAST(const unsigned char*, p);
  for (size_t i = 0; i < size; ++i)
    if (bytes[i] != compat_byte(i, seed)) return 0;
  return 1;
}
__attribute__((unused)) static int aligned_to(const void* p, size_t alignment) {
  return COMPAT_CAST(size_t, p) % alignment == 0;
}
