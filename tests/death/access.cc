// Accesses that the processor refuses: what guard slots and guard pages are for.
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <thread>

#include "wrong.h"

extern "C" {
extern const char __executable_start[];
extern const char etext[];
}

namespace misuse {
namespace {

constexpr std::size_t kBytes = 3000;  // a size that nothing else asks for

volatile char* as_bytes(void* p) { return static_cast<volatile char*>(p); }

void announce(void* block) {
  printf("block=%p\ntext=%p-%p\n", block, static_cast<const void*>(__executable_start),
         static_cast<const void*>(etext));
}

/// Asks the kernel, which answers with EFAULT instead of a signal.
bool readable(const volatile char* at) {
  static int ends[2] = {-1, -1};
  if (ends[0] < 0 && pipe(ends) != 0) return false;
  char byte = 0;
  return write(ends[1], const_cast<const char*>(at), 1) == 1 && read(ends[0], &byte, 1) == 1;
}

/// With every refill sampled the first block of a class lies in a guard slot; the one that was placed
/// at the wanted end of its page is kept.
void* slot_block(bool at_end) {
  for (int i = 0; i < 2000; ++i) {
    void* p = malloc(kBytes);
    const auto page = reinterpret_cast<uintptr_t>(p) % 4096;
    if (at_end ? page == 4096 - (kBytes + 15) / 16 * 16 : page == 0 && !readable(as_bytes(p) - 1))
      return p;
    free(p);
  }
  return nullptr;
}

sigjmp_buf g_back;
volatile sig_atomic_t g_handled = 0;
void handler(int) {
  g_handled = g_handled + 1;
  siglongjmp(g_back, 1);
}

[[gnu::noinline]] int recurse(volatile char* above) {
  if (above[0] == 77) return 0;
  volatile char frame[4096];
  frame[0] = above[0];
  return recurse(frame) + frame[0];
}

}  // namespace

int sampled(const char* what, bool (*enter_sandbox)(bool files), bool files) {
  setvbuf(stdout, nullptr, _IONBF, 0);
  std::thread([] {}).join();
  if (strncmp(what, "large", 5) == 0) {
    // 20 pages and a half: the kernel's guard is less than a page behind the end asked for.
    void* p = malloc(20 * 4096);
    announce(p);
    if (enter_sandbox && !enter_sandbox(files)) return 77;
    const bool behind = strcmp(what, "large_behind") == 0;
    as_bytes(p)[behind ? 20 * 4096 : -1] = 1;
    printf("survived=1\n");
    return 0;
  }
  void* p = slot_block(strcmp(what, "out_of_bounds") == 0 || strcmp(what, "underflow") == 0);
  announce(p);
  if (enter_sandbox && strcmp(what, "use_after_free") != 0 && !enter_sandbox(files)) return 77;
  if (strcmp(what, "out_of_bounds") == 0) as_bytes(p)[(kBytes + 15) / 16 * 16] = 1;
  if (strcmp(what, "underflow") == 0) {
    as_bytes(p)[-1] = static_cast<char>(as_bytes(p)[-1] ^ 1);
    free(p);
  }
  if (strcmp(what, "use_after_free") == 0) {
    free(p);
    if (enter_sandbox && !enter_sandbox(files)) return 77;
    as_bytes(p)[8] = 1;
  }
  if (strcmp(what, "use_after_free_thread") == 0) {
    std::thread([p] { free(p); }).join();
    (void)as_bytes(p)[8];
  }
  printf("survived=1\n");
  return 0;
}

int segv(const char* what) {
  void* elsewhere = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction own = {}, before = {};
  own.sa_handler = handler;
  if (strcmp(what, "earlier") == 0) sigaction(SIGSEGV, &own, nullptr);
  free(malloc(kBytes));
  if (strcmp(what, "later") == 0) sigaction(SIGSEGV, &own, nullptr);
  if (strcmp(what, "restored") == 0) {
    // A library that takes the signal for a moment and puts back what it found.
    sigaction(SIGSEGV, &own, &before);
    sigaction(SIGSEGV, &before, nullptr);
    sigaction(SIGSEGV, &own, nullptr);
  }
  if (strcmp(what, "null") == 0) as_bytes(nullptr)[0] = 1;
  if (strcmp(what, "sent") == 0) kill(getpid(), SIGSEGV);
  if (strcmp(what, "stack") == 0) {
    char top = 0;
    return recurse(&top);
  }
  if (sigsetjmp(g_back, 1) == 0) as_bytes(elsewhere)[0] = 1;
  printf("handled=%d\n", static_cast<int>(g_handled));
  return 0;
}

}  // namespace misuse
