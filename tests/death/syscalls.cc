// syscalls NAME...: uses the whole heap from several threads while every system call but the named ones
// ends the process with SIGSYS. The names come from the table in SECURITY.md.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <thread>
#include <vector>

#include "hakmem.h"

namespace {

struct Name {
  const char* name;
  unsigned number;
};
constexpr Name kNames[] = {{"mprotect", SYS_mprotect}, {"madvise", SYS_madvise}, {"mmap", SYS_mmap},
                           {"munmap", SYS_munmap},     {"mremap", SYS_mremap},   {"futex", SYS_futex},
                           {"gettid", SYS_gettid},     {"mincore", SYS_mincore},
                           {"clock_gettime", SYS_clock_gettime}};
/// What this program itself needs to wait and to end.
constexpr unsigned kOwn[] = {SYS_write, SYS_exit_group, SYS_sched_yield};

bool enter(int count, char** names) {
  std::vector<unsigned> allowed(std::begin(kOwn), std::end(kOwn));
  for (int i = 0; i < count; ++i) {
    bool known = false;
    for (const Name& each : kNames) {
      if (strcmp(each.name, names[i]) != 0) continue;
      allowed.push_back(each.number);
      known = true;
    }
    if (!known) {
      fprintf(stderr, "syscalls: %s is not known\n", names[i]);
      return false;
    }
  }
  std::vector<sock_filter> filter;
  filter.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)});
  for (std::size_t i = 0; i < allowed.size(); ++i)
    filter.push_back({BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u8>(allowed.size() - i), 0, allowed[i]});
  filter.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS});
  filter.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

/// Every entry point and every path below: refill, flush, remote frees, large blocks that grow in place,
/// move and are zeroed, guard slots, quarantine, purge.
void work(unsigned number, std::atomic<void*>* shelf) {
  unsigned random = number * 2654435761U + 1;
  const auto next = [&](unsigned bound) {
    random = random * 1664525U + 1013904223U;
    return (random >> 8) % bound;
  };
  void* held[200] = {};
  for (int i = 0; i < 40000; ++i) {
    void*& slot = held[next(200)];
    const std::size_t bytes = next(100) < 90 ? next(2000) : next(100) < 98 ? next(60000) : next(4 << 20);
    switch (next(8)) {
      case 0: slot = realloc(slot, bytes + 1); break;
      case 1: free(slot), slot = calloc(1, bytes); break;
      case 2: free(slot), slot = aligned_alloc(std::size_t{64} << next(8), bytes); break;
      // Another thread frees it.
      case 3: slot = shelf[next(64)].exchange(slot); break;
      case 4: ::operator delete(::operator new(bytes), bytes); break;
      default: free(slot), slot = malloc(bytes); break;
    }
    if (slot && malloc_usable_size(slot)) memset(slot, 1, 1);
    if (i % 10000 == 0) malloc_trim(0);
  }
  void* big = malloc(3 << 20);
  for (std::size_t bytes = 4 << 20; bytes < (std::size_t{40} << 20); bytes += 9 << 20) big = realloc(big, bytes);
  free(big);
  for (void* p : held) free(p);
}

}  // namespace

int main(int argc, char** argv) {
  free(malloc(1));
  std::atomic<void*> shelf[64] = {};
  std::atomic<int> waiting{0}, done{0};
  std::atomic<bool> go{false};
  const unsigned count = 3;
  for (unsigned t = 0; t < count; ++t)
    std::thread([&, t] {
      ++waiting;
      while (!go) sched_yield();
      work(t, shelf);
      ++done;
      while (true) sched_yield();
    }).detach();
  while (waiting != static_cast<int>(count)) sched_yield();
  if (!enter(argc - 1, argv + 1)) {
    perror("syscalls: no filter");
    return 77;
  }
  go = true;
  while (done != static_cast<int>(count)) sched_yield();
  static constexpr char kEnd[] = "done\n";
  const bool written = write(STDOUT_FILENO, kEnd, sizeof kEnd - 1) == sizeof kEnd - 1;
  _exit(written ? 0 : 1);
}
