// leaks [threads|untraced]: blocks that are lost, and blocks that are not, at exit. Each comes from a function of its
// own, named lost_* or kept_*: tests/tools/leaks.py looks which are which.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace {

struct Node {
  Node* next;
  char rest[24];
};

constexpr size_t kPageBytes = 4096;
constexpr size_t kLargeBytes = size_t{1} << 20;

void* volatile slot;
char* volatile global;
char* volatile inside;
char* volatile behind;
char* volatile far_end;
Node* volatile list;
void** volatile holder;
void** volatile page;
thread_local char* volatile local;
std::vector<char*>* const immortal = new std::vector<char*>;
std::vector<char*> mortal;  // its destructor comes before the search

template <typename T>
T* fresh(size_t bytes) {
  T* p = static_cast<T*>(malloc(bytes));
  if (!p) abort();
  memset(static_cast<void*>(p), 0, bytes);
  return p;
}

#define CASE [[gnu::noinline, gnu::noclone]] void

CASE lost_overwritten() {
  slot = fresh<char>(101);
  slot = nullptr;
}
CASE lost_past_the_end() { behind = fresh<char>(104) + 104; }
CASE lost_cycle() {
  Node* one = fresh<Node>(sizeof(Node));
  one->next = fresh<Node>(sizeof(Node));
  one->next->next = one;
}
CASE lost_large() {
  slot = fresh<char>(kLargeBytes);
  slot = nullptr;
}
[[gnu::noinline, gnu::noclone]] void** kept_until_freed() { return fresh<void*>(64); }
CASE lost_with_its_holder() {
  holder = kept_until_freed();
  *holder = fresh<char>(107);
  free(holder);
}
CASE lost_in_a_destroyed_object() { mortal.push_back(fresh<char>(108)); }
CASE lost_in_an_unmapped_page() {
  void* at = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<void**>(at) = fresh<char>(109);
  munmap(at, kPageBytes);
}

CASE lost_in_a_dead_frame() {
  char* volatile room[65536];  // 512 KiB, of which the farthest word stays as it is
  room[0] = fresh<char>(110);
  slot = room[0] ? nullptr : slot;
}

CASE kept_by_a_global() { global = fresh<char>(201); }
CASE kept_in_a_list() {
  for (int i = 0; i < 1000; ++i) {
    Node* node = fresh<Node>(sizeof(Node));
    node->next = list;
    list = node;
  }
}
CASE kept_by_the_inside() { inside = fresh<char>(203) + 202; }
CASE kept_by_a_thread_local() { local = fresh<char>(204); }
CASE kept_in_a_vector() { immortal->push_back(fresh<char>(205)); }
CASE kept_at_the_end_of_a_large_block() {
  far_end = static_cast<char*>(calloc(1, kLargeBytes));
  char* p = fresh<char>(206);
  memcpy(far_end + kLargeBytes - sizeof p, &p, sizeof p);
}
CASE kept_in_a_page() {
  page = static_cast<void**>(mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  *page = fresh<char>(207);
  mprotect(page, kPageBytes, PROT_READ);
}
CASE kept_behind_a_closed_page() {
  auto* pages = static_cast<std::byte*>(
      mmap(nullptr, 3 * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memset(static_cast<void*>(pages), 1, 3 * kPageBytes);
  madvise(pages + kPageBytes, kPageBytes, 102);  // MADV_GUARD_INSTALL, Linux 6.13: reading it faults
  char* p = fresh<char>(202);
  memcpy(pages + 2 * kPageBytes, &p, sizeof p);
}
CASE kept_without_bytes() {
  void* none = malloc(0);
  slot = none;
}

pthread_barrier_t ready;

[[gnu::noinline]] char* kept_in_a_register() { return fresh<char>(210); }
[[gnu::noinline]] char* kept_on_a_stack() { return fresh<char>(208); }
CASE kept_by_a_thread_local_of_a_thread() { local = fresh<char>(209); }

void* wait_for_the_end(void*) {
  char* volatile mine = kept_on_a_stack();
  kept_by_a_thread_local_of_a_thread();
  pthread_barrier_wait(&ready);
  for (;;) pause();
  return mine;
}

CASE clear_stack() {
  char volatile room[262144];
  for (char volatile& byte : room) byte = 0;
}
/// As a thread is that waits for work: what it works on is in a register that its callees save, or do not use.
[[gnu::optimize("O2")]] void* wait_for_work(void*) {
  char* work = kept_in_a_register();
  clear_stack();
  pthread_barrier_wait(&ready);
  for (;;) {
    poll(nullptr, 0, -1);
    asm volatile("" ::"r"(work));
  }
}

/// From here on ptrace fails with EPERM.
void forbid_tracing() {
  sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {4, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) abort();
}

CASE all() {
  lost_overwritten();
  lost_past_the_end();
  lost_cycle();
  lost_large();
  lost_with_its_holder();
  lost_in_a_destroyed_object();
  lost_in_an_unmapped_page();
  lost_in_a_dead_frame();
  kept_by_a_global();
  kept_in_a_list();
  kept_by_the_inside();
  kept_by_a_thread_local();
  kept_in_a_vector();
  kept_at_the_end_of_a_large_block();
  kept_in_a_page();
  kept_behind_a_closed_page();
  kept_without_bytes();
}

/// Calls far below, and clears the stack afterwards: a frame of what comes later could have the place of a
/// pointer that is gone.
CASE far_below(void (*call)()) {
  char volatile room[65536];
  for (char volatile& byte : room) byte = 0;
  call();
  for (char volatile& byte : room) byte = 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    pthread_t thread;
    pthread_barrier_init(&ready, nullptr, 3);
    for (void* (*run)(void*) : {wait_for_the_end, wait_for_work}) pthread_create(&thread, nullptr, run, nullptr);
    pthread_barrier_wait(&ready);
    usleep(50000);  // both wait
    if (strcmp(argv[1], "untraced") == 0) forbid_tracing();
  }
  far_below(all);
  clear_stack();
  return 0;
}
