#include "model/guarded.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include <initializer_list>

#include "base/text.h"
#include "os/os.h"

namespace hak::props {
namespace {

sigjmp_buf g_return;
volatile sig_atomic_t g_active = 0;
volatile unsigned g_run = 0;
char g_message[512];

/// A run that takes this many ticks of the CPU timer hangs.
constexpr int kHangTicks = 3;

void say(const Text& text) {
  std::size_t i = 0;
  for (; i < text.size() && i + 1 < sizeof g_message; ++i) g_message[i] = text.data()[i];
  g_message[i] = 0;
}

void on_signal(int signal_number, siginfo_t* info, void*) {
  if (!g_active) {
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    return;
  }
  TextBuffer<128> text;
  text.str("crash: signal ").num(signal_number).str(" at address ").ptr(info->si_addr);
  say(text);
  siglongjmp(g_return, 1);
}

/// Once a CPU second: the same run as at the last ticks is a hang. No system call per run.
void on_tick(int) {
  static unsigned last = 0;
  static int same = 0;
  if (!g_active || g_run != last) {
    last = g_run;
    same = 0;
    return;
  }
  if (++same < kHangTicks) return;
  same = 0;
  TextBuffer<64> text;
  say(text.str("hang: no end after ").num(kHangTicks).str(" seconds"));
  siglongjmp(g_return, 1);
}

void install_handlers() {
  static bool installed = false;
  if (installed) return;
  installed = true;
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (int signal_number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) sigaction(signal_number, &action, nullptr);
  action.sa_flags = SA_NODEFER | SA_RESTART;
  action.sa_handler = on_tick;
  sigaction(SIGPROF, &action, nullptr);
  const itimerval second = {{1, 0}, {1, 0}};
  setitimer(ITIMER_PROF, &second, nullptr);
}

}  // namespace

void stop_guarded(const Text& text) {
  if (!g_active) return;
  say(text);
  siglongjmp(g_return, 1);
}

const char* run_guarded(void (*body)(void*), void* context, bool catch_signals) {
  if (catch_signals) install_handlers();
  // SA_NODEFER and no saved mask: setting it up must not cost a system call per script.
  if (sigsetjmp(g_return, 0) != 0) {
    g_active = 0;
    return g_message;
  }
  g_run = g_run + 1;
  g_active = 1;
  body(context);
  g_active = 0;
  return nullptr;
}

}  // namespace hak::props
