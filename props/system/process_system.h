#pragma once
// What only a whole process can be asked: the operations of language version 2.
#include <string>

#include "language/script.h"
#include "system/system.h"

namespace hak::props {

struct NewResult {
  void* p = nullptr;
  bool threw = false;        ///< std::bad_alloc
  unsigned handler_calls = 0;
};

/// What the program holds, for comparison with what the process says it holds.
class Holdings {
 public:
  virtual ~Holdings() = default;
  virtual std::size_t count() const = 0;
  virtual std::size_t room() const = 0;
  virtual std::size_t large_count() const = 0;
  /// Usable bytes of the live block at p; 0 if there is none.
  virtual std::size_t room_of(const void* p) const = 0;
};

/// How a child of fork ended.
struct Ended {
  bool possible = true;
  int exit_status = -1;  ///< -1: by a signal
  int signal = 0;
  Verdict verdict;       ///< the reports it wrote
  bool check_failed = false;  ///< it said that a check of its own failed
};

class ProcessSystem {
 public:
  virtual ~ProcessSystem() = default;
  /// The allocator hands everything to libc / was given no memory at the start.
  virtual bool is_libc() const = 0;
  virtual bool is_starved() const = 0;
  virtual Foreign foreign() const = 0;
  virtual bool reports_accesses() const = 0;

  virtual NewResult allocate_new(unsigned thread, NewForm form, std::size_t alignment, std::size_t bytes) = 0;
  virtual void set_handler(Handler handler, u64 calls) = 0;
  virtual void* memalign(unsigned thread, std::size_t alignment, std::size_t bytes) = 0;
  virtual void* page_aligned(unsigned thread, PageForm form, std::size_t bytes) = 0;
  virtual void cfree(unsigned thread, void* p) = 0;
  virtual void delete_form(unsigned thread, DeleteForm form, bool array, void* p, std::size_t bytes,
                           std::size_t alignment) = 0;

  // Each returns what is wrong with the answer, or nothing.
  virtual std::string ask(unsigned thread, Question question, const Holdings& held) = 0;
  virtual std::string set_option_text(Variable variable, const char* value) = 0;
  virtual std::string mallopt(int parameter, int value) = 0;
  /// Starts a second heap on the kernel while calls number `first` to `first + more` of a kind fail, uses
  /// it and takes it down.
  virtual std::string start_check(OsCall call, u64 first, u64 more) = 0;
  /// After the last operation, when all is freed and all contexts have ended: files, complaints.
  virtual std::string last_check() = 0;

  /// The context's thread is in the last round of its destructors; the calls that follow come from there.
  virtual void thread_late(unsigned thread) = 0;
  /// The context's next calls come from a signal handler that interrupted a slow path.
  virtual void interrupt(unsigned thread, u64 calls) = 0;
  /// The next call of any context finds the lock taken, for a few milliseconds.
  virtual void stall(Stall stall) = 0;
  /// Runs the job in a child of fork whose reports end as said. What the job returns is the status.
  virtual Ended in_child(Ending ending, int (*job)(void*), void* argument) = 0;
  /// For a child: gives back a slot whose bit says that it is given back. Returns if that is taken.
  virtual void free_marked() = 0;
  /// Thread caches that stay in use when every context has ended.
  virtual std::size_t kept_caches() const = 0;
};

}  // namespace hak::props
