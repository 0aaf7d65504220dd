#include "system/instance.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

#include "system/sim_os.h"

/// There in a build with coverage: a child leaves by _exit, which writes no profile.
extern "C" [[gnu::weak]] int __llvm_profile_write_file(void);

namespace hak::props {
namespace {

alignas(HeapCore) std::byte g_heap_storage[sizeof(HeapCore)];
alignas(Tracker) std::byte g_tracker_storage[sizeof(Tracker)];
Verdict g_verdict;

constexpr u32 longest_slab() {
  u32 longest = 0;
  for (unsigned c = 0; c < kClassCount; ++c) longest = slab_units(c) > longest ? slab_units(c) : longest;
  return longest;
}
constexpr u32 kLongestSlab = longest_slab();
/// First units of slabs that closed, or will close, without a call of on_closing.
std::vector<u32> g_unseen;

HeapCore& instance() { return *std::launder(reinterpret_cast<HeapCore*>(g_heap_storage)); }
Tracker& tracker() { return *std::launder(reinterpret_cast<Tracker*>(g_tracker_storage)); }

void record_fault(HeapCore&, const FaultRecord& record) {
  if (g_verdict.count++ == 0) {
    g_verdict.fault = record.fault;
    g_verdict.ptr = record.ptr;
    g_verdict.has_record = true;
    g_verdict.record = record;
  }
}

void* refuse(int error) {
  errno = error;
  return nullptr;
}

}  // namespace

InstanceSystem::InstanceSystem(unsigned policy, bool tracked)
    : policy_(policy), tracked_(tracked), table_(&entry_table(policy_at(policy), tracked)) {
  new (g_heap_storage) HeapCore();
  new (g_tracker_storage) Tracker();
}

InstanceSystem::~InstanceSystem() { wipe(); }

void InstanceSystem::set_policy(unsigned policy, bool tracked) {
  wipe();
  policy_ = policy;
  tracked_ = tracked;
  table_ = &entry_table(policy_at(policy), tracked);
}

/// What carving a slab has written: a header before each slot and behind the last.
void InstanceSystem::touch_slab(const Span& slab) {
  if (slab.carved == 0) return;
  for (u32 slot = 0; slot <= slab.carved; ++slot)
    SimOs::touch(slab.start + std::size_t{slot} * slab.stride - 1, 1);
}

/// A slab gives up the guard at its end only when it is destroyed; its account is still readable.
void InstanceSystem::on_closing(const void* guard) {
  const Arena& arena = instance().arena;
  const Span& span = *arena.span(arena.span_of(arena.unit_of(guard)));
  if (span.kind == SpanKind::kNone) close_slab(arena.span_of(arena.unit_of(guard)));
}

/// The slab that is being made will close unseen, and any of its bytes may be a header by then: all count
/// as written. Of the spans that may end here the longest; the account of a shorter one may be stale.
void InstanceSystem::on_unguarded(const void* guard) {
  const Arena& arena = instance().arena;
  const u32 end = arena.unit_of(guard) + 1;
  for (u32 units = end < kLongestSlab ? end : kLongestSlab; units > 0; --units) {
    if (arena.span(end - units)->units != units) continue;
    SimOs::touch(arena.unit_address(end - units), units * kUnitBytes);
    g_unseen.push_back(end - units);
    return;
  }
}

/// Zeroes what a slab leaves in the tables when it is gone.
void InstanceSystem::close_slab(u32 unit) {
  Arena& arena = instance().arena;
  const Span& slab = *arena.span(unit);
  touch_slab(slab);
  const std::size_t bytes = (slab.slots + 63) / 64 * sizeof(u64);
  memset(arena.free_bits(unit), 0, bytes);
  memset(static_cast<void*>(arena.remote_bits(unit)), 0, bytes);
}

void InstanceSystem::wipe_span(u32 unit) {
  Arena& arena = instance().arena;
  const Span& span = *arena.span(unit);
  if (span.kind == SpanKind::kSlab) {
    close_slab(unit);
    const std::size_t bytes = std::size_t{span.carved} * span.stride;
    memset(arena.state_of(span.start), 0, bytes / kGranuleBytes + 1);
    memset(arena.word(unit), 0, span.units * sizeof(std::uintptr_t));
    return;
  }
  if (span.kind == SpanKind::kLarge) *arena.state_of(span.start) = kNotASlot;
  if (SimOs::exact()) return;
  // Units of a merged free span may each have been the first of a slab that closed unseen.
  memset(arena.free_bits(unit), 0, span.units * Arena::kBitWords * sizeof(u64));
  memset(static_cast<void*>(arena.remote_bits(unit)), 0, span.units * Arena::kBitWords * sizeof(u64));
}

/// The magazines' own memory is left: what was in it before must be of no meaning to the next heap.
void InstanceSystem::wipe_cache(ThreadCache& cache) {
  memset(static_cast<void*>(&cache), 0, offsetof(ThreadCache, blocks));
}

/// Makes every byte zero that the heap, or the script through it, wrote: walks the spans instead of
/// giving the whole range back, which would cost a page fault per page of the next script.
void InstanceSystem::wipe() {
  HeapCore& heap = instance();
  if (broken_) {
    // The heap's own account of itself cannot be followed.
    SimOs::wipe_all();
    heap.caches.store(nullptr, kRelaxed);
    heap.ready = false;
    records_ = nullptr;
    record_pages_.clear();
    broken_ = false;
  }
  for (ThreadCache* cache = heap.caches.load(kRelaxed); cache;) {
    ThreadCache* next = cache->next_cache;
    wipe_cache(*cache);
    cache = next;
  }
  if (heap.ready) {
    Arena& arena = heap.arena;
    const u32 frontier = arena.frontier();
    for (const u32 unit : g_unseen) {
      memset(arena.free_bits(unit), 0, Arena::kBitWords * sizeof(u64));
      memset(static_cast<void*>(arena.remote_bits(unit)), 0, Arena::kBitWords * sizeof(u64));
    }
    for (u32 unit = 0; unit < frontier;) {
      const u32 units = arena.span(unit)->units ? arena.span(unit)->units : 1;
      wipe_span(unit);
      unit += units;
    }
    memset(static_cast<void*>(arena.spans()), 0, frontier * sizeof(Span));
    arena.map_span(0, frontier);  // every entry zero
    if (!SimOs::exact()) SimOs::touch(arena.unit_address(0), frontier * kUnitBytes);
    SimOs::wipe(arena.unit_address(0), kInstanceArenaBytes);
  }
  g_unseen.clear();
  for (const u32 page : record_pages_) memset(records_ + std::size_t{page} * kPageBytes, 0, kPageBytes);
  record_pages_.clear();
  records_ = nullptr;
  heap.~HeapCore();
  new (g_heap_storage) HeapCore();
  for (ThreadCache*& cache : caches_) cache = nullptr;
  SimOs::rewind();
}

bool InstanceSystem::reset(const Script& script) {
  wipe();
  HeapCore& heap = instance();
  heap.options.load_defaults(script.profile);
  heap.options.set(OptionId::kGuards, script.guards);
  heap.options.set(OptionId::kRouteMask, script.route_mask);
  heap.options.set(OptionId::kFastLaneMask, script.lane_mask);
  SimOs::set_light_guards(script.light_guards);
  if (!heap.init(SimOs::table(), script.seed, record_fault, kInstanceArenaBytes)) return false;
  SimOs::watch(reinterpret_cast<const void*>(heap.arena.base), kInstanceArenaBytes,
               script.guards && script.light_guards ? on_closing : nullptr, on_unguarded);
  // The caches lie behind the records whether there are any or not: what a magazine leaves behind must
  // not become a record.
  records_ = SimOs::position();
  if (tracked_) {
    new (g_tracker_storage) Tracker();
    if (!tracker().init(heap, false)) return false;
    heap.tracker = &tracker();
    heap.large.quarantine(true);
    heap.zero_max_bytes = 0;  // as the process does: the tracker fills freed slots
  } else {
    SimOs::table().reserve(0, kInstanceArenaBytes / kGranuleBytes * sizeof(Record));
  }
  g_verdict = Verdict{};
  return cache(0) != nullptr;
}

ThreadCache* InstanceSystem::cache(unsigned thread) {
  if (!caches_[thread]) caches_[thread] = instance().attach();
  return caches_[thread];
}

/// Bytes that belong to the live block at p; 0 if there is none.
std::size_t InstanceSystem::room_of(const void* p) const {
  const Arena& arena = instance().arena;
  if (!arena.contains(p) || address_of(p) % kGranuleBytes) return 0;
  const u8 state = byte_load(arena.state_of(p));
  if (state != kLargeLive && !is_live_state(state)) return 0;
  const Span& span = *arena.span(arena.span_of(arena.unit_of(p)));
  return state == kLargeLive ? span.block_bytes : span.stride;
}

/// Every block that is handed out passes here. A tracked one has a record, a canary behind what was
/// asked for, and will be filled when it is freed.
void* InstanceSystem::note_block(void* p, std::size_t bytes) {
  if (!p || !tracked_) return p;
  const std::size_t granule = (address_of(p) - instance().arena.base) / kGranuleBytes;
  record_pages_.push_back(static_cast<u32>(granule * sizeof(Record) / kPageBytes));
  const std::size_t room = room_of(p);
  if (room <= kMaxStride) {
    SimOs::touch(p, room);
  } else if (bytes < room) {
    SimOs::touch(static_cast<std::byte*>(p) + bytes, room - bytes);
  }
  return p;
}

/// A free needs a cache; an injected failure happens once, so asking again ends.
ThreadCache* InstanceSystem::cache_for_release(unsigned thread) {
  for (int tries = 0; tries < 8; ++tries)
    if (ThreadCache* have = cache(thread)) return have;
  for (ThreadCache* other : caches_)
    if (other) return other;
  return nullptr;
}

void* InstanceSystem::allocate(unsigned thread, std::size_t bytes, Api api) {
  ThreadCache* own = cache(thread);
  return own ? note_block(table_->allocate(instance(), own, bytes, api), bytes) : refuse(ENOMEM);
}

void* InstanceSystem::calloc(unsigned thread, std::size_t count, std::size_t size) {
  ThreadCache* own = cache(thread);
  return own ? note_block(table_->calloc(instance(), own, count, size, Api::kCalloc), count * size)
             : refuse(ENOMEM);
}

void* InstanceSystem::allocate_aligned(unsigned thread, std::size_t alignment, std::size_t bytes, Api api) {
  if (!is_power_of_two(alignment)) return refuse(EINVAL);
  if (api == Api::kPosixMemalign && alignment % sizeof(void*) != 0) return refuse(EINVAL);
  if (bytes > kMaxRequestBytes) return refuse(ENOMEM);
  ThreadCache* own = cache(thread);
  return own ? note_block(table_->allocate_aligned(instance(), own, alignment, bytes, api), bytes)
             : refuse(ENOMEM);
}

void* InstanceSystem::reallocate(unsigned thread, void* p, std::size_t bytes) {
  if (!p) return allocate(thread, bytes, Api::kRealloc);
  if (bytes == 0) {
    release(thread, p, Api::kRealloc);
    return nullptr;
  }
  const std::size_t room = room_of(p);
  void* fresh = table_->reallocate(instance(), cache_for_release(thread), p, bytes, Api::kRealloc);
  if (fresh && fresh != p) SimOs::touch(fresh, room < bytes ? room : bytes);
  return note_block(fresh, bytes);
}

void* InstanceSystem::reallocate_array(unsigned thread, void* p, std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) return refuse(ENOMEM);
  return reallocate(thread, p, bytes);
}

void InstanceSystem::release(unsigned thread, void* p, Api api) {
  table_->release(instance(), cache_for_release(thread), p, api);
}

void InstanceSystem::release_sized(unsigned thread, void* p, std::size_t bytes, std::size_t alignment,
                                   Api api) {
  if (p) table_->release_sized(instance(), cache_for_release(thread), p, bytes, alignment, api);
}

std::size_t InstanceSystem::usable(unsigned, void* p) {
  return p ? table_->usable(instance(), p, Api::kUsableSize) : 0;
}

void InstanceSystem::thread_start(unsigned thread) { cache(thread); }

void InstanceSystem::thread_exit(unsigned thread) {
  if (!caches_[thread]) return;
  ThreadCache* own = caches_[thread];
  caches_[thread] = nullptr;
  instance().detach(own);
}

void InstanceSystem::purge(unsigned thread) { instance().purge(caches_[thread]); }
void InstanceSystem::tick(u64 ms) { SimOs::tick(ms); }
void InstanceSystem::os_fail(OsCall call, u64 nth) { SimOs::fail(call, nth); }
u32 InstanceSystem::take_os_failures() { return SimOs::take_failures(); }

void InstanceSystem::set_option(Tunable tunable, u64 value) {
  static constexpr OptionId kIds[] = {OptionId::kFastLaneMask, OptionId::kPurgeDelayMs};
  instance().options.set(kIds[static_cast<unsigned>(tunable)], value);
}

/// What the process does in the child of fork: every context but the caller's was stopped where it
/// was, and its cache hands over what its magazines may have held.
const char* InstanceSystem::fork_check(const char* (*check)(void*), void* context) {
  const pid_t child = fork();
  if (child < 0) return nullptr;
  if (child == 0) {
    for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) signal(number, SIG_DFL);
    for (unsigned thread = 1; thread < kContextCount; ++thread) {
      if (!caches_[thread]) continue;
      instance().detach(caches_[thread], true);
      caches_[thread] = nullptr;
    }
    if (check(context) != nullptr) _exit(1);
    instance().purge(caches_[0]);
    const bool whole = check(context) == nullptr;
    if (__llvm_profile_write_file) __llvm_profile_write_file();
    _exit(whole ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return nullptr;
  return WIFEXITED(status) ? "the heap is not whole in the child of fork" : "the child of fork died";
}

Verdict InstanceSystem::take_verdict() {
  const Verdict verdict = g_verdict;
  g_verdict = Verdict{};
  return verdict;
}

void InstanceSystem::touch(const void* at, std::size_t bytes) { SimOs::touch(at, bytes); }
void InstanceSystem::sweep() { sweep_abandoned(instance()); }
HeapCore* InstanceSystem::heap() { return &instance(); }
const char* InstanceSystem::check_pages(const void* at, std::size_t bytes) {
  return SimOs::check_usable(at, bytes);
}

}  // namespace hak::props
