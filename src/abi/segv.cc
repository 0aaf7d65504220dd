// As GWP-ASan does it: the handler looks whether the address is the heap's, and if not takes itself
// away and returns, so that the access faults again under the default action and the core shows it.
#include "abi/segv.h"

#include <signal.h>
#include <unistd.h>

#include "abi/process.h"
#include "core/validate.h"
#include "os/os.h"

namespace hak {
namespace {

void default_action(const siginfo_t* info) {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGSEGV, &action, nullptr);
  // One that was sent does not come again by itself.
  if (info->si_code <= 0) raise(SIGSEGV);
}

void on_segv(int, siginfo_t* info, void* context) {
  FaultRecord record;
  if (info->si_code > 0) record.fault = Validator::diagnose_access(g_heap, info->si_addr, &record);
  if (record.fault == Fault::kNone) return default_action(info);
  record.api = Api::kAccess;
  record.pc = interrupted_instruction(context);
  if (g_heap.tracker && record.block_begin)
    g_heap.tracker->describe(g_heap, record.block_begin, &record);
  g_heap.raise(record);
  // HAKMEM_ON_FAULT=continue: the page is opened, and the access goes on to where it did no harm. What the
  // arena has not grown to yet is not even committed: lifting a guard there would change nothing.
  auto* page = reinterpret_cast<void*>(address_of(info->si_addr) / kPageBytes * kPageBytes);
  if (!kLinux.commit(page, kPageBytes) || !kLinux.unguard(page, kPageBytes)) default_action(info);
}

}  // namespace

void segv_install() {
  struct sigaction action;
  if (sigaction(SIGSEGV, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;
  action = {};
  action.sa_sigaction = on_segv;
  // The alternate stack if the program has one: then an overflow of the stack is told apart too.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace hak
