#pragma once
// The process heap behind the C and C++ entry points, in a process of its own: contexts are threads,
// fork is fork, and a report is read back from the descriptor it was written to.
#include <pthread.h>
#include <semaphore.h>

#include "system/system.h"

namespace hak::props {

/// One script a process: the heap reads its options in the first call and cannot be made anew.
class CAbiSystem : public System {
 public:
  CAbiSystem();
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
  const char* fork_check(const char* (*check)(void*), void* context) override;
  Verdict take_verdict() override;
  HeapCore* heap() override;
  bool tracked() const override;
  bool keeps_contexts() const override { return true; }
  std::size_t max_request() const override { return std::size_t{64} << 20; }

 private:
  /// A thread that does one job at a time for whoever asks.
  struct Context {
    pthread_t thread;
    bool running = false;
    bool stop = false;
    sem_t wanted, done;
    void (*job)(void*) = nullptr;
    void* argument = nullptr;
    int error = 0;
  };
  static void* context_main(void* self);
  void run_in(unsigned thread, void (*job)(void*), void* argument);
  template <typename Call>
  auto in(unsigned thread, Call call);

  Context contexts_[kContextCount];
  int reports_ = -1;
  long reports_read_ = 0;
};

}  // namespace hak::props
