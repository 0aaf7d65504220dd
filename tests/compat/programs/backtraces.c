// backtrace() loads a library and allocates the first time; its symbols are one block for the caller.
#include <execinfo.h>
#include <signal.h>

#include "compat.h"

static volatile sig_atomic_t depth_in_handler;

static int trace(int depth) {
  if (depth) return trace(depth - 1) + 1;
  void* frames[100];
  const int count = backtrace(frames, 100);
  char** symbols = backtrace_symbols(frames, count);
  CHECK(symbols && count > 10);
  for (int i = 0; i < count; ++i) CHECK(strlen(symbols[i]) > 0);
  free(symbols);
  FILE* out = tmpfile();
  backtrace_symbols_fd(frames, count, fileno(out));
  fseek(out, 0, SEEK_END);
  CHECK(ftell(out) > 100);
  fclose(out);
  return 0;
}
static void handler(int number) {
  (void)number;
  void* frames[50];
  depth_in_handler = backtrace(frames, 50);
}
static void* in_thread(void* argument) {
  CHECK(trace(20) == 20);
  return argument;
}

int main(void) {
  signal(SIGUSR1, handler);
  CHECK(trace(10) == 10 && trace(40) == 40);
  raise(SIGUSR1);
  CHECK(depth_in_handler > 2);
  for (int i = 0; i < 10; ++i) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0 && pthread_join(thread, NULL) == 0);
  }
  compat_checked = 0;  // how deep a stack is differs
  return compat_end("backtraces");
}
