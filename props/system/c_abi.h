#pragma once
// The process heap behind the C and C++ entry points, in a process of its own: contexts are threads,
// fork is fork, and a report is read back from the descriptor it was written to.
#include <pthread.h>
#include <semaphore.h>

#include "system/c_files.h"
#include "system/process_system.h"

namespace hak::props {

/// One script a process: the heap reads its options in the first call and cannot be made anew.
class CAbiSystem : public System, public ProcessSystem {
 public:
  explicit CAbiSystem(const ScriptFiles& files);
  ~CAbiSystem() override;
  CAbiSystem(const CAbiSystem&) = delete;
  CAbiSystem& operator=(const CAbiSystem&) = delete;

  bool reset(const Script& script) override;
  void* allocate(unsigned thread, std::size_t bytes, Api api) override;
  void* calloc(unsigned thread, std::size_t count, std::size_t size) override;
  void* allocate_aligned(unsigned thread, std::size_t alignment, std::size_t bytes, Api api) override;
  void* reallocate(unsigned thread, void* p, std::size_t bytes) override;
  void* reallocate_array(unsigned thread, void* p, std::size_t count, std::size_t size) override;
  void release(unsigned thread, void* p, Api api) override;
  void release_sized(unsigned thread, void* p, std::size_t bytes, std::size_t alignment, Api api) override;
  std::size_t usable(unsigned thread, void* p) override;
  void thread_start(unsigned thread) override;
  void thread_exit(unsigned thread) override;
  void purge(unsigned thread) override;
  void set_option(Tunable tunable, u64 value) override;
  void os_fail(OsCall call, u64 nth) override;
  u32 take_os_failures() override;
  const char* fork_check(const char* (*check)(void*), void* context) override;
  Verdict take_verdict() override;
  HeapCore* heap() override;
  bool tracked() const override;
  bool keeps_contexts() const override { return true; }
  std::size_t max_request() const override { return std::size_t{64} << 20; }
  ProcessSystem* process() override { return this; }

  bool is_libc() const override;
  bool is_starved() const override { return starved_; }
  Foreign foreign() const override;
  bool reports_accesses() const override { return reports_accesses_; }
  NewResult allocate_new(unsigned thread, NewForm form, std::size_t alignment, std::size_t bytes) override;
  void set_handler(Handler handler, u64 calls) override;
  void* memalign(unsigned thread, std::size_t alignment, std::size_t bytes) override;
  void* page_aligned(unsigned thread, PageForm form, std::size_t bytes) override;
  void cfree(unsigned thread, void* p) override;
  void delete_form(unsigned thread, DeleteForm form, bool array, void* p, std::size_t bytes,
                   std::size_t alignment) override;
  std::string ask(unsigned thread, Question question, const Holdings& held) override;
  std::string set_option_text(Variable variable, const char* value) override;
  std::string mallopt(int parameter, int value) override;
  std::string start_check(OsCall call, u64 first, u64 more) override;
  std::string last_check() override;
  void thread_late(unsigned thread) override;
  void interrupt(unsigned thread, u64 calls) override;
  void stall(Stall stall) override;
  Ended in_child(Ending ending, int (*job)(void*), void* argument) override;
  void free_marked() override;
  std::size_t kept_caches() const override { return is_libc() ? 0 : shared_cache_ ? 2 : 1; }

 private:
  /// A thread that does one job at a time for whoever asks.
  struct Context {
    pthread_t thread;
    bool running = false;
    bool stop = false;
    bool late = false;     ///< goes on in the last round of its destructors
    unsigned rounds = 0;
    u64 interrupts = 0;    ///< calls to come that are made in the middle of a slow path
    sem_t wanted, done;
    void (*job)(void*) = nullptr;
    void* argument = nullptr;
    int error = 0;
  };
  const char* fork_here(const char* (*check)(void*), void* context, bool interrupts);
  static void* context_main(void* self);
  static void context_end(void* self);
  static void serve(Context& context);
  void run_in(unsigned thread, void (*job)(void*), void* argument);
  template <typename Call>
  auto in(unsigned thread, Call call);
  void* made(void* p) {
    served_ += p != nullptr;
    return p;
  }
  std::string read_errors();
  std::string check_start(const std::string& said) const;

  const ScriptFiles& files_;
  const Script* script_ = nullptr;
  Context contexts_[kContextCount];
  bool inline_ = false;  ///< in a child of fork, which has no other thread
  Lock* stalled_ = nullptr;
  bool starved_ = false;
  bool reports_accesses_ = false;
  bool shared_cache_ = false;
  u64 served_ = 0;  ///< blocks handed out, for comparison with a trace
  u64 unasked_ = 0;        ///< to the system itself
  std::string start_error_;
  std::string said_;  ///< on stderr, beside reports, since the start
  bool descriptors_closed_ = false;
  long reports_read_ = 0;
  long errors_read_ = 0;
};

/// errno travels with the call, as if the caller had made it.
template <typename Call>
auto CAbiSystem::in(unsigned thread, Call call) {
  using Result = decltype(call());
  struct Job {
    Call* call;
    Result result;
  } job{&call, Result{}};
  run_in(thread, [](void* j) { static_cast<Job*>(j)->result = (*static_cast<Job*>(j)->call)(); }, &job);
  return job.result;
}

}  // namespace hak::props
