/* The library in a process whose kernel refuses: this program's own mmap, mprotect and so on stand in
 * front of libc's for the library, count its calls, and let the k-th fail, or all from the k-th on. For
 * every scenario and every k until none fails, a process of its own: the failing call may be the first
 * that the heap ever makes. Prints how many calls failed; fewer than the least is a failure. Without guards
 * that cost no mapping (Linux 6.13) slabs have none, and there are fewer calls to fail.
 *
 * usage: process LEAST LEAST_WITHOUT | process SCENARIO K COUNT (0: all from there on) */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hakmem.h"

enum { kNotReached = 10, kMiB = 1 << 20 };

/* In shared memory, so that a child of fork counts on. */
static struct script {
  int armed;
  long calls, fail_at, fail_count, failed;
} * g_script;

static void say(const char* text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(3);
}
static const char* g_scenario = "";
static void check(int good, const char* what) {
  if (good) return;
  say("FAILED: ");
  say(g_scenario);
  say(": ");
  say(what);
  say("\n");
  _exit(1);
}

/* ---- the kernel, as the library sees it ---- */

static int refused(void) {
  if (!g_script || !g_script->armed) return 0;
  const long call = ++g_script->calls;
  if (call < g_script->fail_at || (g_script->fail_count && call >= g_script->fail_at + g_script->fail_count))
    return 0;
  ++g_script->failed;
  errno = ENOMEM;
  return 1;
}
void* mmap(void* at, size_t bytes, int access, int flags, int file, off_t offset) {
  return refused() ? MAP_FAILED : (void*)syscall(SYS_mmap, at, bytes, access, flags, file, offset);
}
int munmap(void* at, size_t bytes) { return refused() ? -1 : (int)syscall(SYS_munmap, at, bytes); }
int mprotect(void* at, size_t bytes, int access) {
  return refused() ? -1 : (int)syscall(SYS_mprotect, at, bytes, access);
}
int madvise(void* at, size_t bytes, int advice) {
  return refused() ? -1 : (int)syscall(SYS_madvise, at, bytes, advice);
}
void* mremap(void* at, size_t bytes, size_t wanted, int flags, ...) {
  va_list more;
  va_start(more, flags);
  void* to = flags & MREMAP_FIXED ? va_arg(more, void*) : NULL;
  va_end(more);
  return refused() ? MAP_FAILED : (void*)syscall(SYS_mremap, at, bytes, wanted, flags, to);
}
ssize_t getrandom(void* to, size_t bytes, unsigned flags) {
  return refused() ? -1 : syscall(SYS_getrandom, to, bytes, flags);
}

/* ---- scenarios: each gives back what it got, null where it was refused ---- */

enum { kKept = 7 };
static const size_t kSizes[kKept] = {0, 1, 60, 900, 5000, 40000, 2 * kMiB};
static unsigned char* g_kept[kKept];
static size_t g_size[kKept];

static void fill(int i) { memset(g_kept[i], i + 1, g_size[i]); }
static void check_kept(int i, size_t size) {
  for (size_t b = 0; b < size; ++b) check(g_kept[i][b] == i + 1, "a block has kept its content");
}

static void* resize(int i, size_t size) {
  const size_t before = g_size[i];
  unsigned char* moved = realloc(g_kept[i], size);
  if (!moved) return NULL;
  g_kept[i] = moved;
  check_kept(i, before < size ? before : size);
  g_size[i] = size;
  fill(i);
  return malloc(1);
}
static void* zeroed(size_t count, size_t size) {
  unsigned char* p = calloc(count, size);
  for (size_t b = 0; p && b < count * size; ++b) check(p[b] == 0, "calloc is zero");
  return p;
}

static void* small(void) { return malloc(700); }
static void* largest_slot(void) { return malloc(32000); }
static void* large(void) { return malloc(3 * kMiB); }
static void* cached(void) { return malloc(100000); }
static void* zeroed_large(void) { return zeroed(3, kMiB); }
static void* zeroed_again(void) { return zeroed(1, 100000); }
static void* placed(void) {
  void* p = aligned_alloc(kMiB, 70000);
  check((uintptr_t)p % kMiB == 0, "aligned");
  return p;
}
static void* placed_posix(void) {
  void* p = &g_kept;
  const int error = posix_memalign(&p, 65536, 500000);
  check(error == 0 || (error == ENOMEM && p == (void*)&g_kept), "posix_memalign leaves its target alone");
  if (error) errno = error;
  return error ? NULL : p;
}
static void* grow_in_slabs(void) { return resize(3, 1500); }
static void* grow_to_large(void) { return resize(4, 50000); }
static void* grow_large(void) { return resize(6, 7 * kMiB); }
static void* shrink_large(void) { return resize(6, 300000); }
static void* shrink_to_slot(void) { return resize(6, 100); }
static void* free_large(void) {
  errno = 77;
  free(g_kept[6]);
  check(errno == 77, "free keeps errno");
  g_size[6] = 16;
  return g_kept[6] = malloc(16), g_kept[6] ? (fill(6), malloc(1)) : NULL;
}
static void* free_huge(void) {
  void* p = malloc(33 * kMiB);
  free(p);
  return p ? malloc(1) : NULL;
}
static void* purge(void) {
  hakmem_purge();
  malloc_trim(0);
  return malloc(700);
}

enum { kPassed = 3000 };
static void* g_passed[kPassed];
static void* make_many(void* size) {
  for (int i = 0; i < kPassed; ++i) g_passed[i] = malloc((uintptr_t)size);
  return NULL;
}
static void* free_many(void* unused) {
  (void)unused;
  for (int i = 0; i < kPassed; ++i) free(g_passed[i]);
  return NULL;
}
static int in_thread(void* (*work)(void*), uintptr_t argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, (void*)argument) != 0) return 0;
  pthread_join(thread, NULL);
  return 1;
}
static void* nothing(void* unused) { return unused; }
static void* free_remote(void) {
  make_many((void*)300);
  if (!in_thread(free_many, 0)) free_many(NULL);
  return malloc(300);
}
static void* free_of_ended_thread(void) {
  if (!in_thread(make_many, 300)) make_many((void*)300);
  free_many(NULL);
  return malloc(300);
}
static void* fork_and_work(void) {
  const pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    make_many((void*)800);
    free_many(NULL);
    in_thread(make_many, 50);
    free_many(NULL);
    check(hakmem_verify() == NULL, "the child's heap is whole");
    _exit(0);
  }
  int status = 0;
  check(waitpid(child, &status, 0) == child && status == 0, "the child's heap works");
  return malloc(800);
}

static const struct scenario {
  const char* name;
  void* (*run)(void);
} kScenarios[] = {
    {"small", small}, {"largest_slot", largest_slot}, {"large", large}, {"cached", cached},
    {"zeroed_large", zeroed_large}, {"zeroed_again", zeroed_again}, {"placed", placed},
    {"placed_posix", placed_posix}, {"grow_in_slabs", grow_in_slabs}, {"grow_to_large", grow_to_large},
    {"grow_large", grow_large}, {"shrink_large", shrink_large}, {"shrink_to_slot", shrink_to_slot},
    {"free_large", free_large}, {"free_huge", free_huge}, {"purge", purge},
    {"free_remote", free_remote}, {"free_of_ended_thread", free_of_ended_thread}, {"fork", fork_and_work}};
enum { kScenarioCount = sizeof kScenarios / sizeof *kScenarios };

/* ---- one process ---- */

static void arm(long at, long count) {
  *g_script = (struct script){.armed = 1, .fail_at = at, .fail_count = count};
}

/* The heap's first call is under the script too. */
static int run_start(void) {
  void* first = malloc(100);
  check(first || errno == ENOMEM, "refused with ENOMEM");
  g_script->armed = 0;
  if (first) {
    memset(first, 1, 100);
    void* large_block = malloc(2 * kMiB);
    check(large_block != NULL, "memory when the kernel is willing again");
    free(large_block);
  } else {
    // Either the heap could not start, which is for good, or this was one refusal.
    errno = 0;
    first = malloc(100);
    check(first || errno == ENOMEM, "refused with ENOMEM");
  }
  free(first);
  check(hakmem_verify() == NULL, "the heap is whole");
  return g_script->failed ? 0 : kNotReached;
}

static int run_scenario(const struct scenario* scenario, long at, long count) {
  for (int i = 0; i < kKept; ++i) {
    g_size[i] = kSizes[i];
    g_kept[i] = malloc(kSizes[i]);
    check(g_kept[i] != NULL, "memory for the scene");
    fill(i);
  }
  // The C library keeps the first thread's stack, and a block with it, for the next.
  check(in_thread(nothing, 0), "a thread for the scene");
  for (int i = 0; i < 200; ++i) free(malloc(60));
  free(malloc(100000));
  struct hakmem_stats before, after;
  hakmem_stats_get(&before);
  arm(at, count);
  errno = 0;
  void* got = scenario->run();
  const int error = errno;
  g_script->armed = 0;
  check(got || error == ENOMEM, "refused with ENOMEM");
  check(got || g_script->failed, "refused although no call failed");
  const char* broken = hakmem_verify();
  check(!broken, broken ? broken : "");
  for (int i = 0; i < kKept; ++i)
    if (g_kept[i]) check_kept(i, g_size[i]);
  free(got);
  got = scenario->run();
  check(got != NULL, "the same works when the kernel is willing again");
  free(got);
  hakmem_purge();
  hakmem_stats_get(&after);
  check(after.live_blocks == before.live_blocks, "no block is lost");
  // One more if a thread had to be served by the cache that threads share.
  check(after.threads <= before.threads + 1, "caches of ended threads are not in use");
  check(after.slab_bytes + after.large_bytes <= before.slab_bytes + before.large_bytes + 9 * kMiB,
        "no span is lost");
  check(hakmem_verify() == NULL, "the heap is whole at the end");
  return g_script->failed ? 0 : kNotReached;
}

/* ---- all of them ---- */

/* Through the emulator that this program runs under, if any: the kernel may not know what to do with a program
 * for another machine. */
static void run_anew(const char* program, const char* name, const char* at, const char* count) {
  enum { kWords = 16 };
  const char* arguments[kWords + 5];
  int n = 0;
  char none[] = "", *emulator = getenv("TEST_EMULATOR"), *rest = emulator ? emulator : none;
  for (char* word; n < kWords && (word = strtok_r(rest, " ", &rest)) != NULL;) arguments[n++] = word;
  const char* const path = n ? arguments[0] : "/proc/self/exe";
  const char* const own[] = {program, name, at, count, NULL};
  memcpy(arguments + n, own, sizeof own);
  execvp(path, (char**)arguments);
  _exit(3);
}

static long count_failures(const char* program, const char* name, const char* count) {
  long k = 1;
  for (;; ++k) {
    char at[24];
    snprintf(at, sizeof at, "%ld", k);
    const pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0) run_anew(program, name, at, count);
    int status = 0;
    check(waitpid(child, &status, 0) == child, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNotReached) return k - 1;
    if (status != 0) {
      printf("FAILED: process %s %ld %s ends with status %#x\n", name, k, count, (unsigned)status);
      exit(1);
    }
    if (k > 5000) {
      printf("FAILED: %s does not come to an end\n", name);
      exit(1);
    }
  }
}

/* True if the kernel closes a page that stays mapped. */
static int has_light_guards(void) {
  int ends[2];
  char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(page != MAP_FAILED && pipe(ends) == 0, "a page and a pipe");
  madvise(page, 4096, 102 /* MADV_GUARD_INSTALL */);
  return write(ends[1], page, 1) < 0 && errno == EFAULT;
}

int main(int argc, char** argv) {
  if (argc == 3) {
    long total = 0;
    for (int s = -1; s < kScenarioCount; ++s) {
      const char* name = s < 0 ? "start" : kScenarios[s].name;
      const long once = count_failures(argv[0], name, "1");
      const long on = count_failures(argv[0], name, "0");
      printf("%-22s %4ld calls failed, %4ld and all after\n", name, once, on);
      total += once + on;
    }
    const long least = atol(argv[has_light_guards() ? 1 : 2]);
    printf("%ld failures in %d scenarios, at least %ld\n", total, kScenarioCount + 1, least);
    return total < least;
  }
  if (argc != 4) {
    say("usage: process LEAST LEAST_WITHOUT | process SCENARIO K COUNT\n");
    return 2;
  }
  g_scenario = argv[1];
  alarm(100);  // a lock that stayed behind ends the process, and so the test
  g_script = (struct script*)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const long at = atol(argv[2]), count = atol(argv[3]);
  if (strcmp(argv[1], "start") == 0) {
    arm(at, count);
    return run_start();
  }
  for (int s = 0; s < kScenarioCount; ++s)
    if (strcmp(argv[1], kScenarios[s].name) == 0) return run_scenario(&kScenarios[s], at, count);
  say("process: no such scenario\n");
  return 2;
}
