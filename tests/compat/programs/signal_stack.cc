// malloc in a handler on a stack of its own, of a signal that interrupts code that is not in malloc.
#include <signal.h>
#include <sys/time.h>

#include <string>
#include <thread>
#include <vector>

#include "compat.h"

namespace {

constexpr std::size_t kStackBytes = 256 * 1024;
volatile sig_atomic_t g_handled = 0;
void* volatile g_made[64];

void handler(int) {
  std::vector<std::string> work(20, std::string(100, 'h'));
  CHECK(work[19][99] == 'h');
  const int slot = g_handled % 64;
  free(g_made[slot]);
  g_made[slot] = malloc(static_cast<std::size_t>(g_handled) % 3000 + 1);
  g_handled = g_handled + 1;
}

void on_own_stack() {
  stack_t stack = {}, before = {};
  stack.ss_sp = malloc(kStackBytes);
  stack.ss_size = kStackBytes;
  CHECK(sigaltstack(&stack, &before) == 0);
  for (int i = 0; i < 200; ++i) CHECK(raise(SIGUSR1) == 0);
  stack.ss_flags = SS_DISABLE;
  CHECK(sigaltstack(&stack, nullptr) == 0);
  free(stack.ss_sp);
}

/// A loop that does nothing of the heap's, interrupted by a timer.
unsigned long computed(int until) {
  unsigned long value = 1;
  while (g_handled < until)
    for (int i = 0; i < 1000; ++i) value = value * 6364136223846793005UL + 1442695040888963407UL;
  return value;
}

}  // namespace

int main() {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  sigaction(SIGALRM, &action, nullptr);
  on_own_stack();
  std::thread(on_own_stack).join();
  CHECK(g_handled == 400);

  const int until = g_handled + 50;
  const itimerval every = {{0, 2000}, {0, 2000}}, never = {};
  setitimer(ITIMER_REAL, &every, nullptr);
  const unsigned long value = computed(until);
  setitimer(ITIMER_REAL, &never, nullptr);
  CHECK(value != 0 && g_handled >= until);
  signal(SIGALRM, SIG_IGN);
  for (void* volatile& p : g_made) free(p);
  compat_checked = 0;  // how many came is the timer's
  return compat_end("signal_stack");
}
