// Jumps out of callbacks of libc, over frames that may have held memory.
#include <ftw.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>

#include "compat.h"

static jmp_buf back;
static sigjmp_buf signal_back;
static int left;

static int compare(const void* a, const void* b) {
  const int x = *(const int*)a, y = *(const int*)b;
  if (left-- == 0) longjmp(back, 1);
  return (x > y) - (x < y);
}
static int visit(const char* path, const struct stat* info, int type) {
  (void)path;
  (void)info;
  (void)type;
  if (left-- == 0) longjmp(back, 1);
  return 0;
}
static int error(const char* path, int number) {
  (void)path;
  (void)number;
  return 0;
}
static void handler(int number) {
  (void)number;
  siglongjmp(signal_back, 1);
}

static void out_of_qsort(size_t count, int after) {
  // Large enough that libc's qsort takes memory, on the stack or the heap.
  int* volatile numbers = malloc(count * sizeof(int));
  for (size_t i = 0; i < count; ++i) numbers[i] = (int)(i * 7919 % count);
  left = after;
  if (setjmp(back) == 0) {
    qsort(numbers, count, sizeof(int), compare);
    CHECK(left >= 0);
  } else {
    CHECK(left == -1);
  }
  left = -2;
  qsort(numbers, count, sizeof(int), compare);
  free(numbers);
}

int main(void) {
  for (size_t count = 10; count < 400000; count *= 7) {
    out_of_qsort(count, 3);
    out_of_qsort(count, (int)count / 2);
  }
  for (int i = 0; i < 20; ++i) {
    left = i;
    if (setjmp(back) == 0) {
      ftw("/usr/share/doc", visit, 5);
      CHECK(left >= -1);
    } else {
      CHECK(left == -1);
    }
    signal(SIGUSR2, handler);
    void* volatile held = malloc(1000);
    if (sigsetjmp(signal_back, 1) == 0) {
      raise(SIGUSR2);
      CHECK(!"the handler jumps");
    }
    free(held);
    glob_t matches;
    CHECK(glob("/usr/*", 0, error, &matches) == 0);
    globfree(&matches);
  }
  compat_checked = 0;  // how far ftw comes is the machine's
  return compat_end("longjmp");
}
