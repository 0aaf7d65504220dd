#include "system/c_abi.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <new>

#include "abi/process.h"
#include "hakmem.h"
#include "system/kernel_os.h"
#include "system/prefixed.h"

/// There in a build with coverage: a child leaves by _exit, which writes no profile.
extern "C" [[gnu::weak]] int __llvm_profile_write_file(void);

namespace hak::props {
namespace {

/// Status of a child whose options are sealed, so that it cannot change how a report ends.
constexpr int kSealed = 98;
constexpr unsigned kLastRound = 4;  // PTHREAD_DESTRUCTOR_ITERATIONS of glibc
pthread_key_t g_end_key;

void sleep_ms(long ms) {
  const timespec wait = {0, ms * 1'000'000};
  nanosleep(&wait, nullptr);
}

}  // namespace

CAbiSystem::CAbiSystem(const ScriptFiles& files) : files_(files) {
  for (Context& context : contexts_) {
    sem_init(&context.wanted, 0, 0);
    sem_init(&context.done, 0, 0);
  }
  pthread_key_create(&g_end_key, context_end);
}

CAbiSystem::~CAbiSystem() {
  if (inline_) return;
  for (unsigned thread = 0; thread < kContextCount; ++thread) thread_exit(thread);
}

/// One job. `interrupts`: the caller stands where a signal handler does that came while its thread was, by
/// turns, in a slow path or where it held the locks of the spans.
void CAbiSystem::serve(Context& context) {
  const bool interrupts = context.interrupts != 0;
  const bool locked = context.interrupts % 2 == 1;
  ThreadCache* cache = interrupts && !locked ? process_cache() : nullptr;
  if (interrupts) --context.interrupts;
  if (locked) {
    KernelOs::note_failure();  // what needs a lock is refused
    enter_locked_section();
    g_heap.large.lock().lock();
    g_heap.arena.lock.lock();
  } else if (cache) {
    cache->slow_lock.lock();
    cache->in_slow = true;
  }
  errno = context.error;
  context.job(context.argument);
  context.error = errno;
  if (locked) {
    g_heap.arena.lock.unlock();
    g_heap.large.lock().unlock();
    leave_locked_section();
  } else if (cache) {
    cache->in_slow = false;
    cache->slow_lock.unlock();
  }
}

void* CAbiSystem::context_main(void* self) {
  Context& context = *static_cast<Context*>(self);
  pthread_setspecific(g_end_key, self);
  for (;;) {
    while (sem_wait(&context.wanted) != 0) {
    }
    if (context.stop) return nullptr;
    serve(context);
    sem_post(&context.done);
  }
}

/// Destructor of the thread's own key: stays until the last round, in which the thread's cache is gone.
void CAbiSystem::context_end(void* self) {
  Context& context = *static_cast<Context*>(self);
  if (++context.rounds < kLastRound) {
    pthread_setspecific(g_end_key, self);
    return;
  }
  if (!context.late) return;
  for (;;) {
    sem_post(&context.done);
    while (sem_wait(&context.wanted) != 0) {
    }
    if (context.stop) return;
    serve(context);
  }
}

void CAbiSystem::run_in(unsigned thread, void (*job)(void*), void* argument) {
  if (inline_) return job(argument);
  thread_start(thread);
  Context& context = contexts_[thread];
  context.job = job;
  context.argument = argument;
  context.error = errno;
  Lock* held = stalled_;
  stalled_ = nullptr;
  if (held) held->lock();
  sem_post(&context.wanted);
  if (held) {
    sleep_ms(3);
    held->unlock();
  }
  while (sem_wait(&context.done) != 0) {
  }
  errno = context.error;
}

void* CAbiSystem::allocate(unsigned thread, std::size_t bytes, Api api) {
  return made(in(thread, [=] {
    if (api == Api::kNew) return hk_new(bytes, &std::nothrow);
    if (api == Api::kNewArray) return hk_new_array(bytes, &std::nothrow);
    return hk_malloc(bytes);
  }));
}

void* CAbiSystem::calloc(unsigned thread, std::size_t count, std::size_t size) {
  return made(in(thread, [=] { return hk_calloc(count, size); }));
}

void* CAbiSystem::allocate_aligned(unsigned thread, std::size_t alignment, std::size_t bytes, Api api) {
  return made(in(thread, [=]() -> void* {
    if (api != Api::kPosixMemalign) return hk_aligned_alloc(alignment, bytes);
    void* p = nullptr;
    const int error = hk_posix_memalign(&p, alignment, bytes);
    if (error) errno = error;
    return error ? nullptr : p;
  }));
}

void* CAbiSystem::memalign(unsigned thread, std::size_t alignment, std::size_t bytes) {
  return made(in(thread, [=] { return hk_memalign(alignment, bytes); }));
}

void* CAbiSystem::page_aligned(unsigned thread, PageForm form, std::size_t bytes) {
  return made(in(thread, [=] { return form == PageForm::kValloc ? hk_valloc(bytes) : hk_pvalloc(bytes); }));
}

void* CAbiSystem::reallocate(unsigned thread, void* p, std::size_t bytes) {
  return made(in(thread, [=] { return hk_realloc(p, bytes); }));
}

void* CAbiSystem::reallocate_array(unsigned thread, void* p, std::size_t count, std::size_t size) {
  return made(in(thread, [=] { return hk_reallocarray(p, count, size); }));
}

void CAbiSystem::release(unsigned thread, void* p, Api api) {
  in(thread, [=] {
    if (api == Api::kDelete) {
      hk_delete(p);
    } else if (api == Api::kDeleteArray) {
      hk_delete_array(p);
    } else {
      hk_free(p);
    }
    return 0;
  });
}

void CAbiSystem::cfree(unsigned thread, void* p) {
  in(thread, [=] {
    hk_cfree(p);
    return 0;
  });
}

void CAbiSystem::release_sized(unsigned thread, void* p, std::size_t bytes, std::size_t alignment, Api api) {
  in(thread, [=] {
    if (api == Api::kDelete) {
      alignment ? hk_delete_sized_aligned(p, bytes, alignment) : hk_delete_sized(p, bytes);
    } else if (api == Api::kDeleteArray) {
      alignment ? hk_delete_array_sized_aligned(p, bytes, alignment) : hk_delete_array_sized(p, bytes);
    } else {
      alignment ? hk_free_aligned_sized(p, alignment, bytes) : hk_free_sized(p, bytes);
    }
    return 0;
  });
}

std::size_t CAbiSystem::usable(unsigned thread, void* p) {
  return in(thread, [=] { return hk_malloc_usable_size(p); });
}

void CAbiSystem::thread_start(unsigned thread) {
  Context& context = contexts_[thread];
  if (context.running || inline_) return;
  context.stop = context.late = false;
  context.rounds = 0;
  context.interrupts = 0;
  context.running = pthread_create(&context.thread, nullptr, context_main, &context) == 0;
}

void CAbiSystem::thread_exit(unsigned thread) {
  Context& context = contexts_[thread];
  if (!context.running || inline_) return;
  context.stop = true;
  context.late = false;
  sem_post(&context.wanted);
  pthread_join(context.thread, nullptr);
  context.running = false;
}

void CAbiSystem::thread_late(unsigned thread) {
  const int error = errno;
  // A thread that first calls in the last round of its destructors gets a cache that nothing takes back.
  unasked_ += in(thread, [] {
    void* p = hk_malloc(1);
    hk_free(p);
    return p != nullptr;
  });
  errno = error;
  Context& context = contexts_[thread];
  if (context.late) return;
  context.late = context.stop = true;
  context.interrupts = 0;
  shared_cache_ = true;
  sem_post(&context.wanted);
  while (sem_wait(&context.done) != 0) {
  }
  context.stop = false;
}

void CAbiSystem::interrupt(unsigned thread, u64 calls) {
  if (is_libc()) return;
  thread_start(thread);
  contexts_[thread].interrupts = calls;
  shared_cache_ = true;
}

void CAbiSystem::stall(Stall stall) {
  stalled_ = stall == Stall::kArena ? &g_heap.arena.lock : stall == Stall::kLarge ? &g_heap.large.lock()
                                                                                  : &g_heap.registry_lock;
}

void CAbiSystem::purge(unsigned thread) {
  in(thread, [] { return hk_malloc_trim(0); });
}

void CAbiSystem::set_option(Tunable tunable, u64 value) {
  const char* name = tunable == Tunable::kLaneMask ? "HAKMEM_FASTLANE_CLASS_MASK" : "HAKMEM_PURGE_DELAY_MS";
  hakmem_option_set(name, std::to_string(value).c_str());
}

void CAbiSystem::os_fail(OsCall call, u64 nth) { KernelOs::fail(call, nth); }
u32 CAbiSystem::take_os_failures() { return KernelOs::take_failures(); }

/// The contexts do not exist in the child: only the heap as it is there can be looked at. In a handler that
/// interrupted the first context it is forked there.
const char* CAbiSystem::fork_check(const char* (*check)(void*), void* context) {
  if (!inline_ && contexts_[0].interrupts) return in(0, [&] { return fork_here(check, context, true); });
  return fork_here(check, context, false);
}

const char* CAbiSystem::fork_here(const char* (*check)(void*), void* context, bool interrupts) {
  const pid_t child = fork();
  if (child < 0) return nullptr;
  if (child == 0) {
    KernelOs::disarm();
    void* p = hk_malloc(100);
    const bool whole = p && check(context) != nullptr;
    hk_free(p);
    // The block just allocated is nobody's: the check must have seen exactly that one too many.
    int status = !p ? 2 : whole ? (check(context) ? 3 : 0) : 4;
    // What needs a lock is refused to a handler.
    if (interrupts && !p) status = check(context) ? 4 : 0;
    if (__llvm_profile_write_file) __llvm_profile_write_file();
    _exit(is_libc() || starved_ ? 0 : status);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return nullptr;
  return WIFEXITED(status) ? "the heap is not whole in the child of fork" : "the child of fork died";
}

namespace {

void end_with_profile(int number) {
  if (__llvm_profile_write_file) __llvm_profile_write_file();
  signal(number, SIG_DFL);
  raise(number);
}

}  // namespace

/// The child has the forking thread alone, so that all its calls are made there.
Ended CAbiSystem::in_child(Ending ending, int (*job)(void*), void* argument) {
  static constexpr u64 kModes[] = {static_cast<u64>(OnFault::kContinue), static_cast<u64>(OnFault::kAbort),
                                   static_cast<u64>(OnFault::kTrap)};
  Ended ended;
  const pid_t child = fork();
  if (child < 0) return ended;
  if (child == 0) {
    inline_ = true;
    KernelOs::disarm();
    for (const int number : {SIGABRT, SIGILL, SIGTRAP}) signal(number, end_with_profile);
    // Read at the start only, and write protected since.
    const auto page = address_of(&g_heap.options) / kPageBytes * kPageBytes;
    if (!allow_writing(reinterpret_cast<void*>(page), sizeof(Options))) _exit(kSealed);
    g_heap.options.set(OptionId::kOnFault, kModes[static_cast<unsigned>(ending)]);
    const int status = job(argument);
    if (__llvm_profile_write_file) __llvm_profile_write_file();
    _exit(status);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) ended.exit_status = WEXITSTATUS(status);
  ended.possible = ended.exit_status != kSealed;
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  const std::size_t before = said_.size();
  ended.verdict = take_verdict();
  ended.check_failed = said_.find("internal check failed", before) != std::string::npos;
  return ended;
}

Verdict CAbiSystem::take_verdict() {
  Verdict verdict;
  const std::string errors = read_errors();
  said_ += errors;
  const std::string text = files_.read_new(kReportFd, &reports_read_) + errors;
  static constexpr char kKey[] = "hakmem-report: fault=";
  for (std::size_t at = text.find(kKey); at != std::string::npos; at = text.find(kKey, at + 1)) {
    const std::size_t from = at + sizeof kKey - 1;
    const std::string id = text.substr(from, text.find(' ', from) - from);
    ++verdict.count;
    for (u8 fault = 0; fault < static_cast<u8>(Fault::kCount); ++fault)
      if (id == fault_id(static_cast<Fault>(fault))) verdict.fault = static_cast<Fault>(fault);
  }
  return verdict;
}

std::string CAbiSystem::read_errors() { return files_.read_new(kErrorFd, &errors_read_); }

HeapCore* CAbiSystem::heap() { return &g_heap; }
bool CAbiSystem::tracked() const { return g_heap.tracker != nullptr; }
bool CAbiSystem::is_libc() const { return process_is_libc(); }
Foreign CAbiSystem::foreign() const { return static_cast<Foreign>(g_heap.options.get(OptionId::kForeign)); }

}  // namespace hak::props
