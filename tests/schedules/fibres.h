#pragma once
// The three threads as fibres of one kernel thread: makecontext gives each a stack, setjmp switches,
// which unlike swapcontext makes no system call.
#include <setjmp.h>
#include <ucontext.h>

#include <memory>

#include "memory.h"

namespace hak::schedule {

class Fibres {
 public:
  static constexpr int kMain = kThreads;

  Fibres();
  /// Fibre `thread` starts at `entry` when it is next switched to. What it ran before is forgotten.
  void prepare(int thread, void (*entry)(int));
  /// Goes on with `to`; returns when somebody switches back.
  void switch_to(int to);
  /// The same, and this fibre is never come back to.
  [[noreturn]] void leave_to(int to);
  int current() const { return current_; }

 private:
  static constexpr std::size_t kStackBytes = 256 * 1024;
  static void enter(int thread);

  struct Fibre {
    ucontext_t fresh;
    jmp_buf at;
    bool started = true;
    std::unique_ptr<std::byte[]> stack;
    void (*entry)(int) = nullptr;
  };
  [[noreturn]] void jump(int to);

  Fibre fibres_[kThreads + 1];
  int current_ = kMain;
};

extern Fibres g_fibres;

}  // namespace hak::schedule
