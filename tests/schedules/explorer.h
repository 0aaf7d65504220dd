#pragma once
// Stateless model checking: runs a program of three threads again and again, each time with another
// order of its accesses to shared words, until no order is left that could differ.
//
// Threads are fibres on one kernel thread. Between two accesses a thread runs undisturbed, so a
// schedule is the sequence of whose access comes next (and, in the weak model, which write a load
// reads). Of the schedules that differ only in the order of independent accesses one is run:
// source sets with sleep sets, Abdulla, Aronis, Jonsson, Sagonas, Optimal Dynamic Partial Order
// Reduction, POPL 2014, after Flanagan and Godefroid, POPL 2005. Two accesses depend on each other if
// they touch the same word and one may write it, or take the same lock. With a bound on preemptions
// instead (Musuvathi and Qadeer, Iterative Context Bounding, PLDI 2007) there is no reduction, and
// every schedule within the bound is run.
#include <set>
#include <string>
#include <vector>

#include "memory.h"

namespace hak::schedule {

/// One access as it happened.
struct Access {
  int thread;
  Kind kind;
  Order order;
  const void* at;
  u64 before, after;
  bool wrote;
};

struct Settings {
  bool weak = false;          ///< loads may read old values as C++20 allows; else the newest
  u32 stale_reads = 1;        ///< how many of them per thread and run, weak model
  int preemptions = -1;       ///< at most so many, without reduction; -1: no bound, with reduction
  u64 max_schedules = ~u64{0};
  std::vector<u8> replay;     ///< run this one schedule: thread | choice << 2 per step
};

/// What is explored. All of it runs in one kernel thread.
struct Program {
  void (*restore)();                      ///< puts shared memory back to the start
  void (*body)(int thread);
  std::string (*check)();                 ///< after every complete run; empty if all is well
  void (*observe)(const Access&) = nullptr;
  u64 (*outcome)() = nullptr;             ///< after check: a number for what came of the run
};

struct Result {
  u64 schedules = 0;          ///< run to the end and checked
  u64 redundant = 0;          ///< given up on the way: a sleeping thread covers them
  u64 accesses = 0;
  u64 outcomes = 0;           ///< different ones
  std::set<u64> outcome_set;
  u32 longest = 0;            ///< accesses in the longest run
  bool complete = true;       ///< nothing was left out but what the settings say
  std::string failure;        ///< of the first bad run
  std::vector<u8> schedule;   ///< that run, for Settings::replay
};

/// Runs until everything is explored or a run fails. Not reentrant.
Result explore(const Program& program, const Settings& settings);

/// Counts runs, for a watchdog.
extern u64 g_runs;

/// Ends the current run as failed; called from explored code (a broken HAK_CHECK).
[[noreturn]] void fail_run(const std::string& reason);

}  // namespace hak::schedule
