// The only file that names Linux system calls for memory. Portable over the architectures that glibc
// serves: nothing here is x86-specific.
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/atomic.h"
#include "os/os.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

namespace hak {
namespace {

/// 0 not asked yet, 1 the kernel has MADV_GUARD_INSTALL, 2 it has not.
Atomic<int> g_light_guards{0};

class KeepErrno {
 public:
  KeepErrno() : saved_(errno) {}
  ~KeepErrno() { errno = saved_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  int saved_;
};

void* linux_reserve(std::uintptr_t hint, std::size_t bytes) {
  KeepErrno keep;
  // Without MAP_NORESERVE: nothing is charged for PROT_NONE, and what is committed later is charged as
  // every other allocator's memory is, so that absurd requests fail in the default mode too.
  const int fixed = hint ? MAP_FIXED_NOREPLACE : 0;
  void* at = mmap(reinterpret_cast<void*>(hint), bytes, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  // A kernel before 4.17, or Valgrind, takes the address as a hint only.
  if (hint && address_of(at) != hint) {
    munmap(at, bytes);
    return nullptr;
  }
  return at;
}

bool linux_commit(void* at, std::size_t bytes) {
  KeepErrno keep;
  return mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0;
}

bool linux_purge(void* at, std::size_t bytes) {
  KeepErrno keep;
  return madvise(at, bytes, MADV_DONTNEED) == 0;
}

/// qemu says yes to any advice and does nothing. What can still be filled with a page is not closed.
bool guard_holds(void* page) {
  return madvise(page, kPageBytes, MADV_GUARD_INSTALL) == 0 && madvise(page, kPageBytes, MADV_POPULATE_READ) != 0;
}

bool linux_light_guards() {
  if (g_light_guards.load(kRelaxed) == 0) {
    KeepErrno keep;
    void* page = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
      // The answer must not change later: each kind of guard is removed in its own way.
      g_light_guards.store(2, kRelaxed);
      return false;
    }
    g_light_guards.store(guard_holds(page) ? 1 : 2, kRelaxed);
    munmap(page, kPageBytes);
  }
  return g_light_guards.load(kRelaxed) == 1;
}

bool linux_guard(void* at, std::size_t bytes) {
  KeepErrno keep;
  if (linux_light_guards()) return madvise(at, bytes, MADV_GUARD_INSTALL) == 0;
  if (mprotect(at, bytes, PROT_NONE) != 0) return false;
  madvise(at, bytes, MADV_DONTNEED);
  return true;
}

bool linux_unguard(void* at, std::size_t bytes) {
  KeepErrno keep;
  if (linux_light_guards()) return madvise(at, bytes, MADV_GUARD_REMOVE) == 0;
  return mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0;
}

bool linux_move(void* from, void* to, std::size_t bytes) {
  KeepErrno keep;
  if (mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) != MAP_FAILED)
    return true;
  // Kernels before 6.17 unmap the target before they find that the source has several mappings. What
  // is still mapped makes this fail with EEXIST, which is as well; or, where the address is a hint only,
  // gives other memory, which must not stay.
  void* at = mmap(to, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (at != MAP_FAILED && at != to) munmap(at, bytes);
  return false;
}

void linux_release(void* at, std::size_t bytes) {
  KeepErrno keep;
  munmap(at, bytes);
}

void linux_sparse(void* at, std::size_t bytes) {
  KeepErrno keep;
  madvise(at, bytes, MADV_NOHUGEPAGE);
}

std::size_t linux_address_limit() {
  KeepErrno keep;
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return limit.rlim_cur;
}

u64 linux_now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<u64>(now.tv_sec) * 1000 + static_cast<u64>(now.tv_nsec) / 1000000;
}

u64 linux_entropy() {
  KeepErrno keep;
  u64 value = 0;
  if (getrandom(&value, sizeof value, GRND_NONBLOCK) == static_cast<ssize_t>(sizeof value))
    return value;
  // Early boot or a filter on getrandom: the addresses and the clock are what is left.
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<u64>(now.tv_nsec) * 0x9e3779b97f4a7c15ULL ^ address_of(&now) ^
         static_cast<u64>(getpid()) << 32;
}

}  // namespace

constinit const Os kLinux = {linux_reserve, linux_commit,  linux_purge,  linux_guard,
                             linux_unguard, linux_move,    linux_release, linux_sparse,
                             linux_light_guards, linux_address_limit,
                             linux_now_ms,  linux_entropy};

void write_all(int fd, const char* data, std::size_t size) {
  KeepErrno keep;
  while (size) {
    const ssize_t written = write(fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

int open_for_report(const char* path) {
  KeepErrno keep;
  return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

bool forbid_writing(void* at, std::size_t bytes) {
  KeepErrno keep;
  return mprotect(at, bytes, PROT_READ) == 0;
}

bool allow_writing(void* at, std::size_t bytes) { return linux_commit(at, bytes); }

bool seal(void* at, std::size_t bytes) {
  KeepErrno keep;
  return syscall(SYS_mseal, at, bytes, 0UL) == 0;
}

__thread u32 t_thread_id __attribute__((tls_model("initial-exec"))) = 0;
void forget_thread_id() { t_thread_id = 0; }

u32 thread_id() { return static_cast<u32>(syscall(SYS_gettid)); }
u32 process_id() { return static_cast<u32>(getpid()); }

const void* interrupted_instruction(const void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<const void*>(machine.pc);
#else
  (void)machine;
  return nullptr;
#endif
}

}  // namespace hak
