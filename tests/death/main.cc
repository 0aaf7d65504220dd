// misuse SETUP CALL: does one thing that a program must not do, after printing what a correct report
// will have to say. `--sandbox` forbids every system call but those a report may make.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "hakmem.h"
#include "wrong.h"

extern "C" {
extern const char __executable_start[];
extern const char etext[];
}

namespace {

using namespace misuse;

/// Kills the process at any system call but writing, asking for ids, reading which pages of its stack
/// are mapped, and ending by signal. No mmap, no futex; `files` also allows what Debug needs to read
/// /proc/self/maps.
bool enter_sandbox(bool files) {
  static constexpr unsigned kAllowed[] = {SYS_write,    SYS_gettid, SYS_getpid,        SYS_tgkill,
                                          SYS_mincore,  SYS_rt_sigprocmask, SYS_rt_sigaction,
                                          SYS_openat,   SYS_read,   SYS_close};
  constexpr unsigned kMost = sizeof kAllowed / sizeof kAllowed[0];
  const unsigned count = files ? kMost : kMost - 3;
  sock_filter filter[kMost + 3] = {};
  filter[0] = {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)};
  for (unsigned i = 0; i < count; ++i)
    filter[i + 1] = {BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u8>(count - i), 0, kAllowed[i]};
  filter[count + 1] = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS};
  filter[count + 2] = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const sock_fprog program = {static_cast<unsigned short>(count + 3), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

int usage() {
  fprintf(stderr, "usage: misuse [--sandbox|--sandbox-with-files] SETUP CALL\n       misuse write_after_free\n"
                  "       misuse racing_free TRIALS local|others|realloc|large\n       misuse racing_stepped SIZE\n"
                  "       misuse sampled WHAT\n       misuse segv WHAT\n       misuse sequence COUNT\n");
  return 2;
}

/// Addresses that a fixed seed must reproduce.
int sequence(int count) {
  for (int i = 0; i < count; ++i) printf("%p\n", malloc(static_cast<size_t>(i) * 37 % 3000));
  for (int i = 0; i < 20; ++i) printf("%p\n", malloc(40000 + static_cast<size_t>(i) * 9000));
  fflush(stdout);
  void* p = malloc(10);
  free(p);
  free(p);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool files = argc > 1 && strcmp(argv[1], "--sandbox-with-files") == 0;
  const bool sandbox = files || (argc > 1 && strcmp(argv[1], "--sandbox") == 0);
  argv += sandbox;
  argc -= sandbox;
  if (argc == 2 && strcmp(argv[1], "write_after_free") == 0) return write_after_free();
  if (argc == 3 && strcmp(argv[1], "sampled") == 0) return sampled(argv[2], sandbox ? enter_sandbox : nullptr, files);
  if (argc == 3 && strcmp(argv[1], "segv") == 0) return segv(argv[2]);
  if (argc == 3 && strcmp(argv[1], "sequence") == 0) return sequence(atoi(argv[2]));
  if (argc == 4 && strcmp(argv[1], "racing_free") == 0) return racing_free(atoi(argv[2]), argv[3]);
  if (argc == 3 && strcmp(argv[1], "racing_stepped") == 0) return racing_stepped(strtoul(argv[2], nullptr, 10));
  const Setup* setup = argc == 3 ? find_setup(argv[1]) : nullptr;
  const Call* call = setup ? find_call(argv[2]) : nullptr;
  if (!call) return usage();
  // What thread creation and stdio need is set up before the block is made.
  setvbuf(stdout, nullptr, _IONBF, 0);
  std::thread([] {}).join();
  const Wrong wrong = setup->make(call->family);
  printf("pid=%d\nptr=%p\nblock=%p\nrequested=%zu\ngiven=%zu\napi=%s\ntext=%p-%p\nbuild=%s\n", getpid(),
         wrong.ptr, wrong.block, wrong.requested, wrong.given, call->api,
         static_cast<const void*>(__executable_start), static_cast<const void*>(etext),
         hakmem_build_info());
  struct hakmem_stats before, after;
  hakmem_stats_get(&before);
  if (sandbox && !enter_sandbox(files)) {
    perror("misuse: cannot enter the sandbox");
    return 77;
  }
  call->run(wrong.ptr, wrong.given, wrong.alignment);
  // Only with HAKMEM_ON_FAULT=continue, or if nothing was wrong.
  hakmem_stats_get(&after);
  const char* broken = hakmem_verify();
  printf("survived=1\nlive=%ld\nverify=%s\n",
         static_cast<long>(after.live_blocks) - static_cast<long>(before.live_blocks),
         broken ? broken : "ok");
  return 0;
}
