#pragma once
// A small futex lock. pthread_mutex would do, but its state after fork is not ours to reset.
#include "base/atomic.h"
#include "base/seeded.h"

namespace hak {

#ifdef HAK_ATOMIC_SEAM
using Lock = SeamLock;
#else
/// Mutual exclusion for slow paths. Not recursive. Usable from constant initialisation.
/// Technique: "mutex2" of Drepper, Futexes Are Tricky, 2011. Signal safe only in the sense that a
/// handler which interrupts the holder and asks again waits for ever; see SECURITY.md.
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

class Locked {
 public:
  explicit Locked(Lock& lock) : lock_(lock) { lock_.lock(); }
  ~Locked() { lock_.unlock(); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Lock& lock_;
};

}  // namespace hak
