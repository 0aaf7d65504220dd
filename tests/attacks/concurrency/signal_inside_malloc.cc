// attack: a signal comes between two instructions of malloc, and its handler allocates too: both get the
// attack: same block; nothing here is async-signal-safe, so this limit is stated and not hidden
// fault: reentry
// cases: 24 200
// glibc: * succeeds
// hakmem: * * succeeds
#include <ucontext.h>

#include <csignal>

#include "attack.h"

namespace {

constexpr int kKept = 5000;
volatile sig_atomic_t stop_at;
volatile sig_atomic_t steps;
size_t size_bytes;
char* volatile handlers;

#ifdef __x86_64__

constexpr long kTrapFlag = 0x100;

/// After every instruction; the handler of the signal that the attack waits for runs in one of them.
void on_step(int, siginfo_t*, void* context) {
  steps = steps + 1;
  if (steps != stop_at) return;
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  handlers = attack::take(size_bytes);
}

char* take_stepped() {
  asm volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
  char* taken = attack::take(size_bytes);
  asm volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
  return taken;
}

#else

void on_step(int, siginfo_t*, void*) {}
char* take_stepped() { attack::broken("this processor has no trap flag"); }

#endif

/// Whether both got the same block, if the signal comes after so many instructions.
bool interrupted_at(int step) {
  char* warm[4];  // so that there are blocks ready
  for (char*& block : warm) block = attack::take(size_bytes);
  for (char* block : warm) attack::give(block);
  stop_at = step;
  steps = 0;
  handlers = nullptr;
  char* mine = take_stepped();
  if (mine == handlers) return true;
  attack::give(mine);
  attack::give(handlers);
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  size_bytes = attack::size_argument(argc, argv);
  struct sigaction action = {};
  action.sa_sigaction = on_step;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, nullptr);
  // Where every refill is sampled, guard slots must be used up before there is a fast path to interrupt.
  for (int i = 0; i < kKept; ++i) attack::take(size_bytes);
  attack::begin_misuse();
  interrupted_at(0);
  const int last = steps;
  // From the end in glibc, whose counts go wrong if it is interrupted too early; from the start in hakmem,
  // where locks lie behind the fast path.
  for (int i = 1; i <= last; ++i)
    if (interrupted_at(attack::against_hakmem() ? i : last + 1 - i))
      attack::succeeded("the handler's block is the program's");
  attack::end_misuse();
  attack::failed("the handler's block is the program's");
}
