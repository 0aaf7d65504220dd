#pragma once
// One heap: arena, large blocks, thread caches, options. An instance is an object; the process's own
// is one constant-initialised instance in abi/. Threads are parameters (ThreadCache&), so a test can
// run many "threads" deterministically on one.
#include "backing/guarded.h"
#include "backing/large.h"
#include "base/fault.h"
#include "core/thread_cache.h"

namespace hak {

class Tracker;

/// What the process puts in front of threads that have no cache yet, or run another policy than the
/// compiled one: the empty cache's operations leave to here.
struct Unattached {
  void* (*allocate)(HeapCore&, std::size_t bytes, Api api);
  void (*release)(HeapCore&, void* p, Api api);
  /// The options have changed since the thread last looked; called from a slow path.
  void (*reconfigure)(HeapCore&, ThreadCache&);
  /// A slow path was interrupted by a signal handler that came back to it.
  void* (*allocate_reentrant)(HeapCore&, std::size_t bytes, Api api);
};

/// Decides what happens after a fault. May return (tests, surveys): the operation then does nothing.
using FaultSink = void (*)(HeapCore&, const FaultRecord&);

/// Takes pointers that are not the heap's, where the policy is not to report them.
struct ForeignCalls {
  void (*release)(void* p);
  void* (*reallocate)(void* p, std::size_t bytes);
  std::size_t (*usable)(void* p);
};

/// What start-up decides. Hooks and options are what an attacker with one write would aim at, so they
/// lie on pages of their own, which the process makes read-only (HAKMEM_CONFIG_LOCK).
struct alignas(kPageBytes) HeapConfig {
  FaultSink sink = nullptr;
  const Unattached* unattached = nullptr;
  Tracker* tracker = nullptr;
  const ForeignCalls* foreign = nullptr;  ///< null: a foreign pointer is a fault
  u32 sample_every = 0;                   ///< one refill in so many goes to a guard slot; 0: none
  u32 zero_max_bytes = 0;
  bool random_order = true;
  bool trailing_check = true;
  bool ready = false;
  Options options;
};
static_assert(sizeof(HeapConfig) == kPageBytes + sizeof(Options));

class HeapCore : public HeapConfig {
 public:
  constexpr explicit HeapCore(const Unattached* before_attach = nullptr) {
    unattached = before_attach;
  }
  HeapCore(const HeapCore&) = delete;
  HeapCore& operator=(const HeapCore&) = delete;

  /// Reserves the arena. Options must be loaded. False when no address space can be had.
  bool init(const Os& os, u64 seed, FaultSink sink, std::size_t arena_bytes = 0);
  /// Gives everything back to the system. Instances only; no cache may be in use.
  void destroy();

  /// A cache for a thread; null when memory is exhausted. Reuses what exited threads left.
  ThreadCache* attach();
  /// Hands everything over: magazines to the slabs, slabs to the abandoned lists.
  /// `stopped`: in the child of fork, for a thread that was stopped anywhere in its fast path.
  void detach(ThreadCache* cache, bool stopped = false);

  /// Unchecked slow allocation: large blocks, or slots of at least `bytes` at `alignment`.
  void* allocate_large(std::size_t bytes, std::size_t alignment, bool zero);
  /// Gives a claimed large or sampled block back; in a handler that interrupted a locked section, puts
  /// that off until the next tick.
  void release_claimed(void* p);
  /// From now on one in `every` slow exits of malloc is served by a guard slot, of `slots` at most.
  void enable_sampling(u32 every, u32 slots);
  /// Whether freed slots of the class are zeroed before they are handed out again.
  bool zeroes(unsigned size_class) const {
    return zero_max_bytes && kStrides[size_class] - kGranuleBytes <= zero_max_bytes;
  }
  void raise(const FaultRecord& record) { sink(*this, record); }
  /// True if p is another allocator's and somebody takes such pointers.
  bool takes_foreign(const void* p) const {
    return foreign && address_of(p) - arena.base >= arena.reserved_bytes();
  }

  /// Returns unused memory: the magazines of `own` (the calling thread's cache, or null), empty slabs
  /// of every thread, free spans. True if any page was given back.
  bool purge(ThreadCache* own);
  /// Gives back what has been unused for the configured delay. Cheap; called now and then.
  void tick();
  /// Checks S1-S3, A1-A3 and H1 over the whole heap. Null if all hold, else the one that does not.
  /// The heap must be at rest.
  const char* verify();

  /// On the next page: nothing that is written lies on those of the configuration.
  alignas(kPageBytes) Arena arena;
  LargeBlocks large{arena};
  GuardedSlots guarded{arena};
  u64 seed = 0;

  // Slabs without an owner, by class; the lock guards the lists and every change of owner from or to
  // nobody.
  Lock abandoned_lock;
  SpanList abandoned[kClassCount];
  Atomic<u32> abandoned_count[kClassCount] = {};
  u32 abandoned_empty[kClassCount] = {};  ///< of them without a live slot, kept for the next thread

  Atomic<u32> orphan_posts{0};
  Atomic<u32> postponed{kNoSpan};  ///< claimed blocks that signal handlers freed, linked by next

  Lock registry_lock;
  Atomic<ThreadCache*> caches{nullptr};  ///< all ever made, linked by next_cache
  ThreadCache* idle = nullptr;
  u32 cache_count = 0;
  u64 attaches = 0;
  OpCounters retired = {};
  Atomic<u64> remote_from_outside{0};  ///< frees by threads without a cache

 private:
  ThreadCache* make_cache();
  void hand_over(ThreadCache* cache, bool stopped);
  void retire(ThreadCache* cache);
  void put_off(u32 unit);
  void release_postponed();
};

/// The blocks of the sampled guard slots, or null: then the ordinary path serves the request. Sets
/// the thread's countdown anew.
HAK_NOINLINE void* allocate_sampled(HeapCore& heap, ThreadCache& cache, std::size_t bytes);
/// Slow exits until the next sample: uniform in [1, 2 * every), so the mean is `every`.
u32 draw_countdown(const HeapCore& heap, Random& random);
enum class Claim : u8 { kHeld, kNotLive, kDamaged };
/// Takes a live large or sampled block for the calling thread, out of reach of a racing free. kDamaged:
/// what lies beside a sampled block was overwritten, which has been reported; the block is live again.
Claim claim_large(HeapCore& heap, void* p, Api api);

/// Adopts an abandoned slab of the class into the cache's available list. False: there is none.
bool adopt_slab(HeapCore& heap, ThreadCache& cache, unsigned size_class);
/// Makes all slabs of the cache nobody's; from then on posters leave their bits to the adopter.
void disown_all(HeapCore& heap, ThreadCache& cache);
/// Puts a slab without an owner, and on no list, on the abandoned list; destroys it if it is empty and
/// a few of the class are there already.
void abandon_slab(HeapCore& heap, u32 unit);
/// Collects the remote frees of all abandoned slabs and destroys those that are empty.
void sweep_abandoned(HeapCore& heap);
/// Makes the slab the cache's: slab words and owner. The caller holds what protects the owner.
void set_owner(HeapCore& heap, u32 unit, ThreadCache* cache);

}  // namespace hak
