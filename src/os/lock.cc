#include "os/lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hak {

__thread u32 t_locked_sections __attribute__((tls_model("initial-exec"))) = 0;

void Lock::lock_slow() {
  const int saved = errno;
  for (int spins = 0; spins < 100; ++spins) {
    u32 expected = 0;
    if (word_.load(kRelaxed) == 0 && word_.compare_exchange_strong(expected, 1, kAcquire, kRelaxed))
      return;
  }
  while (word_.exchange(2, kAcquire) != 0)
    syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, 2, nullptr, nullptr, 0);
  errno = saved;
}

void Lock::wake() {
  const int saved = errno;
  syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  errno = saved;
}

}  // namespace hak
