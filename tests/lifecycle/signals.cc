// The handlers of two timers allocate and free while the main thread does, and interrupt each other.
// malloc is not async-signal-safe and a handler in the middle of a fast path may be given a slot twice, so
// contents are not checked, faults do not stop the program, and it may even end by one: what must not
// happen is that it waits for itself.
#include <signal.h>
#include <sys/time.h>

#include <time.h>

#include "work.h"

namespace {

volatile sig_atomic_t g_handled = 0;

void handler(int) {
  const int saved = errno;
  void* blocks[16];
  for (unsigned i = 0; i < 16; ++i) blocks[i] = malloc(40U << i);
  for (void*& block : blocks) {
    if (void* moved = realloc(block, 100)) block = moved;
  }
  for (void* block : blocks) free(block);
  g_handled = g_handled + 1;
  errno = saved;
}

double seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

[[noreturn]] void child() {
  alarm(20);
  struct sigaction action = {};
  action.sa_handler = handler;
  CHECK(sigaction(SIGPROF, &action, nullptr) == 0, "sigaction");
  CHECK(sigaction(SIGVTALRM, &action, nullptr) == 0, "sigaction");
  const itimerval every = {{0, 1'000}, {0, 1'000}};
  CHECK(setitimer(ITIMER_PROF, &every, nullptr) == 0, "setitimer");
  CHECK(setitimer(ITIMER_VIRTUAL, &every, nullptr) == 0, "setitimer");
  lifecycle::Numbers numbers(1);
  // In batches, so that most operations are next to a refill or a flush.
  static void* batch[512];
  for (const double end = seconds() + 1.5; seconds() < end;) {
    const std::size_t bytes = 1 + numbers.below(1U << (4 + numbers.below(14)));
    const std::size_t count = bytes > 8192 ? 16 : 512;
    for (std::size_t i = 0; i < count; ++i) batch[i] = malloc(bytes);
    for (std::size_t i = 0; i < count; ++i) free(batch[i]);
  }
  const itimerval never = {};
  CHECK(setitimer(ITIMER_PROF, &never, nullptr) == 0, "setitimer");
  CHECK(setitimer(ITIMER_VIRTUAL, &never, nullptr) == 0, "setitimer");
  CHECK(g_handled >= 20, "the handler ran");
  fprintf(stderr, "%d handlers ran\n", static_cast<int>(g_handled));
  _exit(0);
}

}  // namespace

int main() {
  if (!getenv("HAKMEM_ON_FAULT")) {
    setenv("HAKMEM_ON_FAULT", "continue", 1);
    execl("/proc/self/exe", "signals", nullptr);
    CHECK(false, "exec");
  }
  for (int round = 0; round < 3; ++round) {
    const pid_t pid = fork();
    CHECK(pid >= 0, "fork");
    if (pid == 0) child();
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
    fprintf(stderr, "round %d: %s\n", round, lifecycle::describe(status));
    CHECK(!(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM), "the heap waits for itself");
  }
}
