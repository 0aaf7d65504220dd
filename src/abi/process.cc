#include "abi/process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "abi/at_exit.h"
#include "abi/build_info.h"
#include "abi/environment.h"
#include "abi/libc_table.h"
#include "abi/published.h"
#include "abi/report.h"
#include "abi/segv.h"
#include "abi/shared_cache.h"
#include "abi/trace.h"

namespace hak {

namespace {

/// Zero up to and with the heap pointer: magazines look empty and full, no heap. Read only.
alignas(kMagazineBytes) constinit const std::byte kEmptyCache[offsetof(ThreadCache, blocks)] = {};

}  // namespace

__thread ThreadCache* t_cache __attribute__((tls_model("initial-exec"))) =
    reinterpret_cast<ThreadCache*>(const_cast<std::byte*>(kEmptyCache));

namespace {

ThreadCache* empty_cache() {
  return reinterpret_cast<ThreadCache*>(const_cast<std::byte*>(kEmptyCache));
}

struct ThreadState {
  ThreadCache* real;  ///< the thread's cache, whether the fast paths use it or not
  u8 exit_rounds;
  bool exited;
};
thread_local constinit ThreadState t_state __attribute__((tls_model("initial-exec"))) = {};

class BlockSignals {
 public:
  BlockSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockSignals(const BlockSignals&) = delete;
  BlockSignals& operator=(const BlockSignals&) = delete;

 private:
  sigset_t before_;
};

enum Start : int { kNotStarted, kReady, kLibc };
constinit Atomic<int> g_start{kNotStarted};
constinit Lock g_start_lock;
constinit Lock g_option_lock;
constinit Tracker g_tracker;
constinit pthread_key_t g_key = 0;
constinit bool g_have_key = false;
constinit bool g_config_locked = false;
constinit Atomic<const EntryTable*> g_table{nullptr};
constinit Atomic<bool> g_direct{false};

constexpr u8 kExitRounds = 2;

// ---- what the empty cache's operations leave to ----

SLOW_PATH Entry first_entry();

/// A thread that has a cache and runs another policy than the compiled one comes here with every call:
/// start-up is long over, and nothing but the table is to be found out.
FAST_PATH Entry entry() {
  ThreadCache* cache = HAK_LIKELY(!g_direct.load(kRelaxed)) ? t_state.real : nullptr;
  if (HAK_LIKELY(cache != nullptr)) return {cache, &process_table()};
  return first_entry();
}

void* unattached_allocate(HeapCore& heap, std::size_t bytes, Api api) {
  const Entry own = entry();
  return own.table->allocate(heap, own.cache, bytes, api);
}
void unattached_release(HeapCore& heap, void* p, Api api) {
  if (!p) return;
  const Entry own = entry();
  own.table->release(heap, own.cache, p, api);
}
void reconfigure_thread(HeapCore&, ThreadCache& cache) {
  if (t_cache == &cache && !g_direct.load(kRelaxed)) t_cache = empty_cache();
}
/// Records and traces are the business of the call that led here: the plain paths under it.
void* reentrant_allocate(HeapCore& heap, std::size_t bytes, Api api) {
  const SharedCache cache;
  if (!cache.get()) return out_of_memory();
  return entry_table(heap.options.policy(), false).allocate(heap, cache.get(), bytes, api);
}

constexpr Unattached kUnattached = {unattached_allocate, unattached_release, reconfigure_thread,
                                    reentrant_allocate};

}  // namespace

constinit HeapCore g_heap(&kUnattached);

namespace {

// ---- thread exit ----

void thread_exit(void*) {
  ThreadState& state = t_state;
  // Other keys' destructors still allocate and free: stay until the last rounds.
  if (state.exit_rounds < kExitRounds) {
    ++state.exit_rounds;
    pthread_setspecific(g_key, state.real);
    return;
  }
  ThreadCache* cache = state.real;
  state.real = nullptr;
  state.exited = true;
  t_cache = empty_cache();
  if (cache && !HAK_SEEDED(kExitForgotten)) g_heap.detach(cache);
  trace_thread_exit();
}

ThreadCache* attach_thread() {
  ThreadState& state = t_state;
  if (state.real) return state.real;
  if (state.exited || in_locked_section()) return nullptr;
  ThreadCache* cache = g_heap.attach();
  if (!cache) return nullptr;
  // Set first: pthread_setspecific may allocate, and that call must find the cache.
  state.real = cache;
  if (g_have_key) pthread_setspecific(g_key, cache);
  return cache;
}

// ---- fork: no slow path is under way in any thread when the process is copied ----

template <typename Visit>
void each_cache(Visit&& visit) {
  for (ThreadCache* cache = g_heap.caches.load(kAcquire); cache; cache = cache->next_cache)
    visit(*cache);
}

/// A handler forks that interrupted a slow path of its own thread, whose locks cannot be waited for. In a
/// process with one thread the child goes on where the handler returns; of other threads it may find half.
bool fork_interrupts() {
  const ThreadState& state = t_state;
  return in_locked_section() || in_shared_cache() || (state.real && state.real->in_slow);
}

void fork_prepare() {
  if (fork_interrupts()) return;
  g_option_lock.lock();
  shared_cache_lock().lock();
  g_heap.registry_lock.lock();
  each_cache([](ThreadCache& cache) { cache.slow_lock.lock(); });
  g_heap.abandoned_lock.lock();
  each_cache([](ThreadCache& cache) { cache.remote_lock.lock(); });
  g_tracker.lock().lock();
  g_heap.large.lock().lock();
  g_heap.guarded.lock().lock();
  g_heap.arena.lock.lock();
}

void fork_parent() {
  if (fork_interrupts()) return;
  g_heap.arena.lock.unlock();
  g_heap.guarded.lock().unlock();
  g_heap.large.lock().unlock();
  g_tracker.lock().unlock();
  each_cache([](ThreadCache& cache) { cache.remote_lock.unlock(); });
  g_heap.abandoned_lock.unlock();
  each_cache([](ThreadCache& cache) { cache.slow_lock.unlock(); });
  g_heap.registry_lock.unlock();
  shared_cache_lock().unlock();
  g_option_lock.unlock();
}

/// The other threads do not exist here: their caches hand everything over, and all random choices
/// start from new seeds.
void fork_child() {
  if (!HAK_SEEDED(kForkChildLock)) g_heap.arena.lock.reset();
  g_heap.guarded.lock().reset();
  g_heap.large.lock().reset();
  g_tracker.lock().reset();
  each_cache([](ThreadCache& cache) {
    cache.remote_lock.reset();
    cache.slow_lock.reset();
  });
  g_heap.abandoned_lock.reset();
  g_heap.registry_lock.reset();
  shared_cache_lock().reset();
  g_option_lock.reset();
  trace_fork_child();
  forget_thread_id();
  if (!g_heap.options.on(OptionId::kSeed)) g_heap.seed = kLinux.entropy() | 1;
  g_heap.large.seed(g_heap.seed * 0xbf58476d1ce4e5b9ULL);
  g_heap.guarded.seed(g_heap.seed * 0x94d049bb133111ebULL);
  const bool interrupts = fork_interrupts();
  each_cache([interrupts](ThreadCache& cache) {
    if (&cache == t_state.real) {
      cache.random = Random(g_heap.seed ^ ++g_heap.attaches);
      cache.thread = thread_id();
    } else if (cache.in_use && !is_shared_cache(&cache) && !interrupts) {
      g_heap.detach(&cache, true);
    }
  });
}

// ---- start-up ----

void complain(const Text& line) { write_all(STDERR_FILENO, line.data(), line.size()); }

void apply_mode() {
  const Policy policy = g_heap.options.policy();
  const bool tracked = g_heap.tracker != nullptr || annotate::kOn;
  const EntryTable& table = entry_table(policy, tracked);
  g_table.store(trace_is_on() ? &traced_table(table) : &table, kRelease);
  g_direct.store(policy_index(policy) == policy_index(kDefaultPolicy) && tracked == kTrackedBuild &&
                     !trace_is_on(),
                 kRelease);
}

/// From here on hooks and options are read-only; those that may change later are opened to change.
void lock_config() {
  auto* begin = reinterpret_cast<std::byte*>(static_cast<HeapConfig*>(&g_heap));
  auto* later = static_cast<std::byte*>(g_heap.options.later_page());
  const auto fixed_bytes = static_cast<std::size_t>(later - begin);
  const u64 level = g_heap.options.get(OptionId::kConfigLock);
  if (level == 0) return;
  g_config_locked = forbid_writing(begin, fixed_bytes) && forbid_writing(later, kPageBytes);
  if (level == 2) seal(begin, fixed_bytes);
}

const ForeignCalls* foreign_calls() {
  switch (static_cast<Foreign>(g_heap.options.get(OptionId::kForeign))) {
    case Foreign::kIgnore: return &kForeignIgnored;
    case Foreign::kLibc: return &kForeignToLibc;
    case Foreign::kAbort: break;
  }
  return nullptr;
}

void start_heap() {
  const Options& options = g_heap.options;
  if (!g_heap.init(kLinux, options.get(OptionId::kSeed), report_and_stop)) {
    static constexpr char kLine[] =
        "hakmem: no address space for the heap (limit: address space); every allocation will fail\n";
    write_all(STDERR_FILENO, kLine, sizeof kLine - 1);
  }
  const bool profiled = *options.target(Target::kHeapProfile) || *options.target(Target::kLeaks);
  const bool track = kTrackedBuild || profiled || options.profile() == Profile::kParanoid;
  if (g_heap.ready && track && g_tracker.init(g_heap, kDebugBuild || profiled, is_own_code)) {
    g_heap.tracker = &g_tracker;
    g_heap.large.quarantine(options.on(OptionId::kQuarantine));
    g_heap.zero_max_bytes = 0;  // the tracker fills freed slots
    g_tracker.withhold_slots(static_cast<u32>(options.get(OptionId::kQuarantine)));
  }
  // A memory checker sees every access as it is, and every block where the tables say.
  if (!annotate::kOn)
    g_heap.enable_sampling(static_cast<u32>(options.get(OptionId::kGuardSample)),
                           static_cast<u32>(options.get(OptionId::kGuardSlots)));
  g_heap.foreign = foreign_calls();
  if (g_heap.ready && options.on(OptionId::kSegvReport)) segv_install();
  if (g_heap.ready) trace_start(g_heap);
  apply_mode();
  publish(g_heap, g_tracker);
  lock_config();
}

Entry first_entry() {
  process_start();
  if (HAK_UNLIKELY(g_start.load(kRelaxed) == kLibc)) return {empty_cache(), &kLibcTable};
  ThreadCache* cache = attach_thread();
  if (HAK_UNLIKELY(!cache)) return {nullptr, &kSharedTable};
  if (g_direct.load(kRelaxed)) t_cache = cache;
  return {cache, g_table.load(kAcquire)};
}

}  // namespace

void process_start() {
  if (HAK_LIKELY(g_start.load(kAcquire) != kNotStarted)) return;
  {
    // A handler that allocates during the first call would wait for its own thread.
    const BlockSignals blocked;
    Locked locked(g_start_lock);
    if (g_start.load(kRelaxed) != kNotStarted) return;
    const int saved = errno;
    // A set-user-id program must not take its caller's options: a report would be written as root.
    g_heap.options.load(getauxval(AT_SECURE) ? nullptr : start_environment(), complain);
    if (g_heap.options.on(OptionId::kForceLibc)) {
      publish_libc();
      g_start.store(kLibc, kRelease);
      errno = saved;
      return;
    }
    start_heap();
    errno = saved;
    g_start.store(kReady, kRelease);
  }
  // These may allocate, so the heap is ready before.
  g_have_key = pthread_key_create(&g_key, thread_exit) == 0;
  pthread_atfork(fork_prepare, fork_parent, fork_child);
  if (g_have_key && t_state.real) pthread_setspecific(g_key, t_state.real);
}

/// A destructor, since atexit may allocate: it runs behind the program's own handlers.
[[gnu::destructor]] static void process_exit() { write_at_exit(g_heap); }

Entry process_entry() { return entry(); }

void process_release_sized_unattached(void* p, std::size_t bytes, std::size_t alignment, Api api) {
  if (!p) return;
  const Entry own = entry();
  own.table->release_sized(g_heap, own.cache, p, bytes, alignment, api);
}

const EntryTable& process_table() { return *g_table.load(kAcquire); }
bool process_is_libc() { return g_start.load(kAcquire) == kLibc; }
ThreadCache* process_cache() { return t_state.real; }

void process_set_option(OptionId id, u64 value) {
  process_start();
  Locked locked(g_option_lock);
  if (g_config_locked) allow_writing(g_heap.options.later_page(), kPageBytes);
  g_heap.options.set(id, value);
  if (g_config_locked) forbid_writing(g_heap.options.later_page(), kPageBytes);
  if (!process_is_libc()) apply_mode();
}

}  // namespace hak
