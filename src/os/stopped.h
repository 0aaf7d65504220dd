#pragma once
// The process's other threads, stopped while somebody looks at its memory, and what their registers hold. By
// ptrace(2) from a process that shares our memory, since threads cannot trace each other; that is how
// LeakSanitizer stops the world. A system call that a stopped thread was waiting in is taken up again, but
// those that never are (signal(7): epoll_wait and a few more) fail with EINTR.
#include "base/atomic.h"
#include "os/os.h"

namespace hak {

class StoppedThreads {
 public:
  /// Until destruction no other thread runs, if the kernel lets us.
  explicit StoppedThreads(const Os& os);
  ~StoppedThreads();
  StoppedThreads(const StoppedThreads&) = delete;
  StoppedThreads& operator=(const StoppedThreads&) = delete;

  /// False: some may run, and what their registers hold is not known.
  bool all() const { return all_; }
  /// Calls visit(word) for every general register.
  template <typename Visit>
  void each_word(Visit&& visit) const {
    for (std::size_t i = 0; all_ && room_ && i < room_->word_count; ++i) visit(room_->words[i]);
  }
  /// Calls visit(address, bytes) for the memory of it.
  template <typename Visit>
  void each_range(Visit&& visit) const {
    if (room_) visit(room_, sizeof(Room));
  }

 private:
  static constexpr std::size_t kMostThreads = 16384, kMostWords = kMostThreads * 40, kStackBytes = 65536;
  enum State : u32 { kWait, kGo, kStopped, kFailed, kEnd };
  struct alignas(kPageBytes) Room {
    Atomic<u32> state;  ///< the caller's to say kGo and kEnd, the tracer's to say the others
    int tasks;          ///< the directory of threads
    int caller;
    u32 thread_count;
    int threads[kMostThreads];
    std::size_t word_count;
    std::uintptr_t words[kMostWords];
    alignas(16) std::byte stack[kStackBytes];
  };
  static int trace(void* room);
  static bool stop(Room& room);
  static bool stop_one(Room& room, int thread);
  void start();
  void end();

  const Os& os_;
  Room* room_ = nullptr;
  int tracer_ = 0;
  bool all_ = false;
};

}  // namespace hak
