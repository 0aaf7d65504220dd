#pragma once
// A small futex lock. pthread_mutex would do, but its state after fork is not ours to reset.
#include "base/atomic.h"
#include "base/seeded.h"

namespace hak {

#ifdef HAK_ATOMIC_SEAM
using Lock = SeamLock;
#else
/// Mutual exclusion for slow paths. Not recursive. Usable from constant initialisation. A signal handler
/// that interrupted the holder would wait for ever: it must ask in_locked_section() before.
/// Technique: "mutex2" of Drepper, Futexes Are Tricky, 2011.
class Lock {
 public:
  void lock() {
    u32 expected = 0;
    if (HAK_LIKELY(word_.compare_exchange_strong(expected, 1, kAcquire, kRelaxed))) return;
    lock_slow();
  }
  /// False if anybody holds it, the calling thread included.
  bool try_lock() {
    u32 expected = 0;
    return word_.compare_exchange_strong(expected, 1, kAcquire, kRelaxed);
  }
  void unlock() {
    if (HAK_UNLIKELY(word_.exchange(0, HAK_SEEDED(kReleaseMissing) ? kRelaxed : kRelease) == 2)) wake();
  }
  /// In the child of fork only: the holder may not exist any more.
  void reset() { word_.store(0, kRelaxed); }

 private:
  SLOW_PATH void lock_slow();
  SLOW_PATH void wake();
  Atomic<u32> word_{0};  // 0 free, 1 held, 2 held and waited for
};
#endif

/// False if anybody holds the lock, the calling thread included. A lock that cannot be tried is taken.
template <typename AnyLock>
bool try_lock(AnyLock& lock) {
  if constexpr (requires { lock.try_lock(); }) return lock.try_lock();
  lock.lock();
  return true;
}

#ifdef HAK_ATOMIC_SEAM
inline bool in_locked_section() { return false; }
inline void enter_locked_section() {}
inline void leave_locked_section() {}
#else
extern __thread u32 t_locked_sections __attribute__((tls_model("initial-exec"), visibility("hidden")));
/// The calling thread holds a lock that a Locked took. At the entry of an operation only a signal handler
/// can hear yes: what it interrupted may hold any lock, so the operation must do without all of them.
FAST_PATH bool in_locked_section() { return HAK_UNLIKELY(t_locked_sections != 0); }
FAST_PATH void enter_locked_section() {
  if (!HAK_SEEDED(kSectionUnmarked)) t_locked_sections = t_locked_sections + 1;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
FAST_PATH void leave_locked_section() {
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  if (!HAK_SEEDED(kSectionUnmarked)) t_locked_sections = t_locked_sections - 1;
}
#endif

class Locked {
 public:
  explicit Locked(Lock& lock) : lock_(lock) {
    enter_locked_section();
    lock_.lock();
  }
  ~Locked() {
    lock_.unlock();
    leave_locked_section();
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Lock& lock_;
};

}  // namespace hak
