#include "world.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "core/walk.h"
#include "pool.h"

namespace hak {

namespace {
jmp_buf g_at_rest;
bool g_resting = false;
std::string g_broken_check;

/// Ends what is under way: the run, or the look at what it left.
void give_up(const char* reason) {
  if (schedule::g_running) schedule::fail_run(reason);
  if (!g_resting) return;
  g_broken_check = reason;
  _longjmp(g_at_rest, 1);
}
}  // namespace

void check_failed(const char* expression, const char* file, int line, unsigned long left,
                  unsigned long right) {
  std::string name = file;
  g_broken_check = std::string(expression) + " (" + std::to_string(left) + ", " +
                   std::to_string(right) + ") at " + name.substr(name.rfind('/') + 1) + ":" +
                   std::to_string(line);
  if (schedule::g_running) schedule::fail_run(g_broken_check);
  if (g_resting) _longjmp(g_at_rest, 1);
  std::fprintf(stderr, "schedules: %s\n", g_broken_check.c_str());
  std::abort();
}

namespace schedule {
namespace {

constexpr std::size_t kArenaBytes = 48 * kUnitBytes;

void enter_fault(HeapCore&, const FaultRecord& record) {
  ++g_world->account(const_cast<void*>(record.ptr)).faults;
  g_world->racing += record.api == Api::kInternal;
}

bool is_live(const HeapCore& heap, void* p) {
  const u8 state = byte_load(heap.arena.state_of(p));
  return state == kLargeLive || is_live_state(state);
}

/// R4: every queued slab is on the list of its owner, and nothing else is on a list.
std::string check_queues() {
  HeapCore& heap = g_world->heap;
  u32 marked = 0, listed = 0;
  for (u32 unit = 0; unit < heap.arena.frontier(); unit += heap.arena.span(unit)->units)
    if (kind_of(*heap.arena.span(unit)) == SpanKind::kSlab) marked += heap.arena.span(unit)->queued.load();
  for (ThreadCache* cache = heap.caches.load(); cache; cache = cache->next_cache) {
    for (u32 unit = cache->remote_head.load(); unit != kNoSpan;) {
      const Span& slab = *heap.arena.span(unit);
      if (kind_of(slab) != SpanKind::kSlab || slab.owner.load() != cache || !slab.queued.load())
        return "R4 a remote list holds what is not a queued slab of its owner";
      if (++listed > marked) break;
      unit = slab.remote_next;
    }
  }
  return marked == listed ? "" : "R4 a queued slab is on exactly one list";
}

/// Block by block: handed out, freed, and what the heap says it is.
std::string audit(int expected_faults) {
  World& world = *g_world;
  int faults = 0;
  for (int i = 0; i < world.account_count; ++i) {
    const Account& account = world.accounts[i];
    faults += account.faults;
    const int out = account.handed - (account.freed - account.faults);
    const std::string name = "block " + std::to_string(i);
    if (out < 0) return name + " was freed more often than handed out, without a fault";
    if (out > 1) return name + " is handed out twice";
    if (is_live(world.heap, account.at) != (out == 1))
      return name + (out ? " is the program's, but not live" : " is live, but nobody's");
    const u8 state = byte_load(world.heap.arena.state_of(account.at));
    if (is_slab_slot(state) && state_kind(state) == kRemoteBits) {
      const Span& slab = *world.heap.arena.span(world.heap.arena.span_of(world.heap.arena.unit_of(account.at)));
      if (slab.owner.load()) return name + " was posted and its owner does not know";
    }
  }
  if (expected_faults >= 0 && faults != expected_faults)
    return std::to_string(faults) + " faults instead of " + std::to_string(expected_faults);
  return "";
}

/// For `outcome`: which faults, found where, and what state every block ended in.
void note_outcome() {
  World& world = *g_world;
  u64 sum = static_cast<u64>(world.racing);  // in whatever order the blocks came
  for (int i = 0; i < world.account_count; ++i) {
    const Account& account = world.accounts[i];
    u64 mixed = static_cast<u64>(account.handed << 16 | account.freed << 8 | account.faults);
    mixed |= u64{byte_load(world.heap.arena.state_of(account.at))} << 32;
    mixed = (mixed + address_of(account.at)) * 0x9e3779b97f4a7c15ULL;
    sum += mixed ^ mixed >> 29;
  }
  world.outcome = sum;
}

/// Everything is freed and handed over: what is not given back now is lost.
std::string dissolve() {
  World& world = *g_world;
  HeapCore& heap = world.heap;
  ThreadCache* last = heap.attach();
  for (int i = 0; i < world.account_count; ++i) {
    void* p = world.accounts[i].at;
    if (is_live(heap, p)) Front<kTrusted>::release(heap, last, p, Api::kFree);
  }
  for (ThreadCache* cache = heap.caches.load(); cache; cache = cache->next_cache)
    if (cache->in_use) heap.detach(cache);
  sweep_abandoned(heap);
  heap.large.purge_cached(true);
  ArenaStats stats;
  heap.arena.stats(&stats);
  if (stats.slab_bytes + stats.large_bytes + stats.large_cached_bytes)
    return "a slot or block is lost: its span is never given back";
  return heap.arena.verify() ? "" : "A1-A3 spans cover the arena";
}

std::string look_closer(int faults) {
  World& world = *g_world;
  for (ThreadCache* cache = world.heap.caches.load(); cache; cache = cache->next_cache)
    if (cache->in_use) collect_remote(world.heap, *cache);
  if (const char* invariant = world.heap.verify()) return invariant;
  note_outcome();
  std::string wrong = audit(faults);
  return wrong.empty() ? dissolve() : wrong;
}

}  // namespace

World* g_world = nullptr;

Account& World::account(void* p) {
  for (int i = 0; i < account_count; ++i)
    if (accounts[i].at == p) return accounts[i];
  accounts[account_count].at = p;
  return accounts[account_count++];
}

void make_world() {
  Pool::clear();
  g_world = new (Pool::take(sizeof(World))) World();
  HeapCore& heap = g_world->heap;
  heap.options.load_defaults(Profile::kHardened);
  heap.options.set(OptionId::kZeroMaxBytes, 0);
  heap.init(kPoolOs, 1, enter_fault, kArenaBytes);
}

void attach(int thread) { g_world->caches[thread] = g_world->heap.attach(); }

void* allocate(int thread, std::size_t bytes) {
  World& world = *g_world;
  void* p = Front<kTrusted>::allocate(world.heap, world.caches[thread], bytes, Api::kMalloc);
  if (!p) {
    world.broken = "out of memory";
    return nullptr;
  }
  Account& account = world.account(p);
  if (account.handed > account.freed) world.broken = "a block is handed out while the program has it";
  ++account.handed;
  return p;
}

void release(int thread, void* p) {
  World& world = *g_world;
  ++world.account(p).freed;
  Front<kTrusted>::release(world.heap, world.caches[thread], p, Api::kFree);
}

void leave(int thread) {
  World& world = *g_world;
  ThreadCache* cache = world.caches[thread];
  world.caches[thread] = nullptr;
  world.heap.detach(cache);
}

std::string settle(int faults) {
  World& world = *g_world;
  g_resting = true;
  if (_setjmp(g_at_rest) != 0) {
    g_resting = false;
    return g_broken_check;
  }
  std::string wrong = world.broken ? world.broken : check_queues();
  if (wrong.empty()) wrong = look_closer(faults);
  g_resting = false;
  return wrong;
}

u64 outcome() { return g_world->outcome; }

void open_world() {
  Pool::open([] { give_up("a bad memory access"); });
  // Two ticks without a new run are a second or two of processor time.
  struct sigaction action = {};
  action.sa_handler = [](int) {
    static u64 last = 0;
    if (last == g_runs) give_up("an endless loop");
    last = g_runs;
  };
  action.sa_flags = SA_NODEFER | SA_RESTART;
  sigaction(SIGVTALRM, &action, nullptr);
  const itimerval second = {{1, 0}, {1, 0}};
  setitimer(ITIMER_VIRTUAL, &second, nullptr);
}

}  // namespace schedule
}  // namespace hak
