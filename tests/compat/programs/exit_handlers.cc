// Memory that is freed while the process ends: atexit, on_exit, static objects, destructors of the file.
#include <sys/wait.h>

#include <map>
#include <string>

#include "compat.h"

namespace {

void* g_late = nullptr;
void* g_child = nullptr;

struct Static {
  ~Static() {
    std::map<int, std::string> made;
    for (int i = 0; i < 100; ++i) made[i] = std::string(static_cast<std::size_t>(i), 's');
    CHECK(kept.size() == 50000 && made[99].size() == 99);
  }
  std::string kept = std::string(50000, 'k');
};
Static g_static;

void at_exit() {
  CHECK(filled(g_late, 700, 6));
  g_late = realloc(g_late, 7000);
  CHECK(filled(g_late, 700, 6));
}
void on_exit_with(int, void* p) {
  CHECK(filled(p, 100, 7));
  free(p);
}
void at_quick_exit_handler() {
  free(g_child);
  free(malloc(100));
}
[[gnu::destructor]] void last() {
  CHECK(filled(g_late, 700, 6));
  free(g_late);
  free(malloc(100000));
  fputs("last\n", stdout);
  fflush(stdout);
}

int status_of(void (*run)()) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    run();
    _exit(99);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  return WEXITSTATUS(status);
}

}  // namespace

int main() {
  g_late = malloc(700);
  fill(g_late, 700, 6);
  void* p = malloc(100);
  fill(p, 100, 7);
  atexit(at_exit);
  on_exit(on_exit_with, p);
  at_quick_exit(at_quick_exit_handler);
  CHECK(status_of([] {
          g_child = malloc(40);
          quick_exit(5);
        }) == 5);
  CHECK(status_of([] { _Exit(6); }) == 6);
  CHECK(status_of([] {
          freopen("/dev/null", "w", stdout);
          exit(7);
        }) == 7);
  return compat_end("exit_handlers");
}
