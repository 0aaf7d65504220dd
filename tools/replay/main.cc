// replay-trace PLAN-FD ANSWER-FD check|free LIBRARY|-: runs a plan on an allocator, each thread of the
// trace in one of its own, in recorded order. Started by `hakmem replay`, which preloads the library.
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "allocator.h"
#include "plan.h"

using namespace hak;
using namespace hak::replay;

namespace {

constexpr int kBadPlan = 2;
/// Where hakmem_layout keeps the base of the arena, in words.
constexpr std::size_t kBaseWord = 2;

struct Run {
  Allocator allocator;
  const Plan* plan;
  const Entry* entries;
  const Turn* turns;
  void** blocks;
  Answer* answer;
  bool check;
  sem_t* ready;        ///< one per thread of the trace
  pthread_t* threads;
  bool* started;
  u64 turn;            ///< whose turn it is; handed on through `ready`
  u32 ended;           ///< thread to join before the next turn, 0: none
};
Run g_run;

[[noreturn]] void fail(const char* what) {
  const char* parts[] = {"replay-trace: ", what, "\n"};
  for (const char* part : parts)
    if (write(STDERR_FILENO, part, strlen(part)) < 0) break;
  _exit(kBadPlan);
}

u64 now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<u64>(now.tv_sec) * 1'000'000'000 + static_cast<u64>(now.tv_nsec);
}

u64 base() { return g_run.allocator.layout ? g_run.allocator.layout[kBaseWord] : 0; }

/// A program writes to what it allocates; without that the kernel's part of the cost would be missing.
void touch(void* p, std::size_t bytes) {
  auto* at = static_cast<volatile char*>(p);
  for (std::size_t i = 0; i < bytes; i += kPageBytes) at[i] = 1;
}

void take_result(const Entry& entry, u64 index, void* p) {
  const bool failed = p == nullptr;
  if (!failed && !(entry.flags & kRaw)) {
    g_run.blocks[entry.block] = p;
    touch(p, entry.size);
  }
  g_run.answer->base = base();
  if (!g_run.check) return;
  const bool same = failed ? (entry.flags & kRaw) != 0 : !(entry.flags & kRaw) && address_of(p) - base() == entry.place;
  if (same) return;
  if (g_run.answer->mismatches++ == 0) g_run.answer->first_mismatch = index;
}

void* given(const Entry& entry) {
  if (!(entry.flags & kRaw)) return g_run.blocks[entry.block];
  return reinterpret_cast<void*>(entry.flags & kInArena ? entry.place + base() : entry.place);
}

std::size_t alignment_of(const Entry& entry) {
  return entry.align_shift ? std::size_t{1} << entry.align_shift : 0;
}

void run_entry(const Entry& entry, u64 index) {
  const Allocator& allocator = g_run.allocator;
  const Api api = static_cast<Api>(entry.api);
  // Misuse is for hakmem to judge; another allocator would only be damaged by it.
  if ((entry.flags & kRaw) && entry.op >= Op::kFree && !allocator.layout) return;
  switch (entry.op) {
    case Op::kAllocate: return take_result(entry, index, allocate(allocator, api, entry.size));
    case Op::kCalloc:
      return take_result(entry, index, entry.size == SIZE_MAX ? allocator.zeroed(SIZE_MAX, 2)
                                                              : allocator.zeroed(1, entry.size));
    case Op::kAligned: {
      const std::size_t alignment = alignment_of(entry) ? alignment_of(entry) : 1;
      return take_result(entry, index, allocate_aligned(allocator, api, alignment, entry.size));
    }
    case Op::kRealloc:
      if ((entry.flags & kRaw) && !allocator.layout) return;
      return take_result((&entry)[1], index + 1, reallocate(allocator, given(entry), entry.size));
    case Op::kResult: return;
    case Op::kFree: return release(allocator, api, given(entry));
    case Op::kFreeSized: return release_sized(allocator, api, given(entry), entry.size, alignment_of(entry));
    case Op::kUsable:
      if (allocator.usable) allocator.usable(given(entry));
      return;
    case Op::kPurge:
      if (allocator.trim) allocator.trim(0);
      return;
    case Op::kThreadExit: return;
  }
}

void* follow(void* number);

/// Wakes the thread whose turn is next; makes it if it is not there yet.
void hand_on(u64 turn) {
  if (turn == g_run.plan->turns) return;
  const u32 next = g_run.turns[turn].thread;
  g_run.turn = turn;
  if (!g_run.started[next]) {
    g_run.started[next] = true;
    void* number = reinterpret_cast<void*>(std::uintptr_t{next});
    if (pthread_create(&g_run.threads[next], nullptr, follow, number) != 0) fail("cannot start a thread");
  }
  sem_post(&g_run.ready[next]);
}

/// True if the thread has ended with this turn.
bool take_turn(u32 self) {
  while (sem_wait(&g_run.ready[self]) != 0) {
  }
  // A thread that has ended hands its cache over while it goes: that is part of its turn.
  if (const u32 ended = g_run.ended) {
    g_run.ended = 0;
    pthread_join(g_run.threads[ended], nullptr);
  }
  const u64 turn = g_run.turn;
  const Turn& mine = g_run.turns[turn];
  for (u64 i = mine.begin; i < mine.end; ++i) {
    g_run.answer->done = i + 1;
    run_entry(g_run.entries[i], i);
  }
  if (mine.last) g_run.ended = self;
  hand_on(turn + 1);
  return mine.last != 0;
}

void* follow(void* number) {
  const auto self = static_cast<u32>(reinterpret_cast<std::uintptr_t>(number));
  while (!take_turn(self)) {
  }
  return nullptr;
}

u64 turns_of(u32 thread) {
  u64 count = 0;
  for (u64 i = 0; i < g_run.plan->turns; ++i) count += g_run.turns[i].thread == thread;
  return count;
}

/// Everything the plan says is inside of it, so that a damaged one is a message and not a crash.
bool plausible(u64 bytes) {
  const Plan& plan = *g_run.plan;
  if (bytes < sizeof plan) return false;
  const u64 room = bytes - sizeof plan;
  if (plan.entries > room / sizeof(Entry)) return false;
  if (plan.turns > (room - plan.entries * sizeof(Entry)) / sizeof(Turn)) return false;
  for (u64 i = 0; i < plan.turns; ++i)
    if (g_run.turns[i].thread >= plan.threads || g_run.turns[i].end > plan.entries) return false;
  for (u64 i = 0; i < plan.entries; ++i)
    if (!(g_run.entries[i].flags & kRaw) && g_run.entries[i].block >= plan.blocks && plan.blocks) return false;
  return plan.turns > 0;
}

void* map_file(const char* number, int protection, u64* bytes) {
  const int fd = atoi(number);
  struct stat about;
  if (fstat(fd, &about) != 0) fail("no such descriptor");
  *bytes = static_cast<u64>(about.st_size);
  void* at = mmap(nullptr, *bytes, protection, protection & PROT_WRITE ? MAP_SHARED : MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (at == MAP_FAILED) fail("cannot map a descriptor");
  return at;
}

u64 peak_kib() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<u64>(usage.ru_maxrss);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) fail("usage: replay-trace PLAN-FD ANSWER-FD check|free LIBRARY|-");
  u64 bytes = 0;
  const int answer = atoi(argv[2]);
  if (ftruncate(answer, sizeof(Answer)) != 0) fail("cannot write the answer");
  g_run.answer = static_cast<Answer*>(map_file(argv[2], PROT_READ | PROT_WRITE, &bytes));
  g_run.plan = static_cast<const Plan*>(map_file(argv[1], PROT_READ, &bytes));
  g_run.entries = reinterpret_cast<const Entry*>(g_run.plan + 1);
  g_run.turns = reinterpret_cast<const Turn*>(g_run.entries + g_run.plan->entries);
  if (!plausible(bytes)) fail("the plan is damaged");
  g_run.check = strcmp(argv[3], "check") == 0;
  const char* missing = nullptr;
  if (!load_allocator(argv[4], &g_run.allocator, &missing)) fail(missing);
  const u64 threads = g_run.plan->threads;
  g_run.blocks = static_cast<void**>(calloc(g_run.plan->blocks + 1, sizeof(void*)));
  g_run.ready = static_cast<sem_t*>(calloc(threads, sizeof(sem_t)));
  g_run.threads = static_cast<pthread_t*>(calloc(threads, sizeof(pthread_t)));
  g_run.started = static_cast<bool*>(calloc(threads, 1));
  g_run.started[0] = true;
  g_run.answer->ready = 1;
  const u64 before = peak_kib();
  const u64 begin = now_ns();
  hand_on(0);
  for (u64 left = turns_of(0); left > 0; --left) take_turn(0);
  // The other threads may still have turns after the last of this one's.
  while (__atomic_load_n(&g_run.answer->done, __ATOMIC_ACQUIRE) < g_run.plan->entries) sched_yield();
  g_run.answer->nanoseconds = now_ns() - begin;
  g_run.answer->peak_kib = peak_kib() - before;
  _exit(0);
}
