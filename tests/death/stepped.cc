// Two frees of one block, the second done while the first stands between two of its instructions:
// the processor's trap flag stops the first after each, a few more in every trial, until a race is
// reported.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "hakmem.h"
#include "wrong.h"

namespace misuse {

#ifdef __x86_64__

namespace {

constexpr long kTrapFlag = 0x100;
constexpr int kMostSteps = 20000;
constexpr int kStride = 7;  // much less than lies between the look at the block and its taking

std::atomic<void*> g_offered{nullptr};
std::atomic<bool> g_done{false};
volatile sig_atomic_t g_stop_at = 0;
volatile sig_atomic_t g_steps = 0;
char g_end = 0;

/// The other thread, which frees what it is offered until that is g_end.
void serve() {
  for (;;) {
    void* p = g_offered.exchange(nullptr);
    if (p == &g_end) return;
    if (!p) {
      sched_yield();
      continue;
    }
    free(p);
    g_done.store(true);
  }
}

bool done_within(long milliseconds) {
  timespec begin, now;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    if (g_done.load()) return true;
    sched_yield();
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 <
           milliseconds);
  return false;
}

void* volatile g_block;

/// After one instruction. Where the first free holds a lock that the other wants, the other ends
/// later.
void on_step(int, siginfo_t*, void* context) {
  g_steps = g_steps + 1;
  if (g_steps != g_stop_at) return;
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  g_offered.store(g_block);
  done_within(200);
}

void set_trap_flag() { asm volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc"); }
void clear_trap_flag() { asm volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc"); }

/// Whether the first free had so many instructions.
bool race_at(int step, std::size_t size) {
  g_block = malloc(size);
  g_done.store(false);
  g_steps = 0;
  g_stop_at = step;
  set_trap_flag();
  free(g_block);
  clear_trap_flag();
  if (g_steps < step) return false;
  while (!done_within(1000)) {
  }
  hakmem_purge();  // collects what the other thread posted
  return true;
}

bool has(const char* text, ssize_t size, const char* words) {
  return size > 0 && memmem(text, static_cast<std::size_t>(size), words, strlen(words));
}

/// Whether what was written since the last call is a report of a race. In Debug one may have seen that
/// the other free filled the block, and say so; where depends on the compiler, so that one is not taken.
bool race_reported(int reports) {
  static char text[1 << 16];
  const ssize_t got = read(reports, text, sizeof text);
  return has(text, got, "hakmem: racing-free") && !has(text, got, "\n  header: ");
}

}  // namespace

int racing_stepped(std::size_t size) {
  const char* path = getenv("HAKMEM_REPORT");
  const int reports = path ? open(path, O_CREAT | O_RDONLY, 0600) : -1;
  if (reports < 0) return 2;
  struct sigaction action = {};
  action.sa_sigaction = on_step;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, nullptr);
  std::thread other(serve);
  bool reported = false;
  for (int step = 1; !reported && step < kMostSteps && race_at(step, size); step += kStride)
    reported = race_reported(reports);
  g_offered.store(&g_end);
  other.join();
  close(reports);
  return reported ? 0 : 1;
}

#else

int racing_stepped(std::size_t) { return 77; }

#endif

}  // namespace misuse
