#include "fibres.h"

namespace hak::schedule {

Fibres g_fibres;

Fibres::Fibres() {
  for (int t = 0; t < kThreads; ++t) fibres_[t].stack = std::make_unique<std::byte[]>(kStackBytes);
}

void Fibres::enter(int thread) { g_fibres.fibres_[thread].entry(thread); }

void Fibres::prepare(int thread, void (*entry)(int)) {
  Fibre& fibre = fibres_[thread];
  getcontext(&fibre.fresh);
  fibre.fresh.uc_stack.ss_sp = fibre.stack.get();
  fibre.fresh.uc_stack.ss_size = kStackBytes;
  fibre.fresh.uc_link = nullptr;
  fibre.entry = entry;
  fibre.started = false;
  makecontext(&fibre.fresh, reinterpret_cast<void (*)()>(enter), 1, thread);
}

void Fibres::jump(int to) {
  current_ = to;
  Fibre& fibre = fibres_[to];
  if (fibre.started) _longjmp(fibre.at, 1);
  fibre.started = true;
  setcontext(&fibre.fresh);
  __builtin_unreachable();
}

void Fibres::switch_to(int to) {
  if (_setjmp(fibres_[current_].at) == 0) jump(to);
}

void Fibres::leave_to(int to) { jump(to); }

}  // namespace hak::schedule
