#pragma once
// A thread's cache: per size class a pair of magazines, and the slabs the thread owns.
//
// M1  alloc_top points into its block or at its end; the pointers in [alloc_top, end) are free slots
//     of slabs this cache owns. At the boundary: empty, or not in use (null).
// M2  free_top points into the other block or at its end; the pointers in [free_top, end) are freed
//     slots of slabs this cache owns. At free_limit: full, or not in use (both null).
// M3  no slot is in two magazines, or in a magazine and in a slab's bitmap, or in one and live
// M4  malloc never pops from the free magazine: a freed slot rests until the magazines are exchanged
//
// Magazines are from Bonwick & Adams, Magazines and Vmem, 2001; two of them, so that freed slots
// rest, is ours. Out of band, hence no pointer in freed memory to poison.
#include "backing/slab.h"
#include "base/random.h"
#include "core/quarantine.h"

namespace hak {

class HeapCore;

inline constexpr std::size_t kMagazineBytes = 1024;
/// A signal handler that comes between the look at a top and its move can make the move go one slot too
/// far, a handler in that handler another one. Up to here that is seen, at the end of a block (M1) and at
/// the limit (M2), and harms nothing but the slots concerned: no top ever leaves the block.
inline constexpr std::size_t kOvershootBytes = 32;
inline constexpr u32 kMagazineSlots = (kMagazineBytes - 2 * kOvershootBytes) / sizeof(void*);
/// A magazine holds at most this much memory, so that large classes do not hoard; tiny ones may hold
/// twice as much, since an exchange costs them more than the cache misses that it saves.
inline constexpr u32 kMagazineBudgetBytes = 32 * 1024;
inline constexpr u32 kTinyBudgetBytes = 64 * 1024;
inline constexpr u32 kFirstCapacity = 4;

constexpr u32 magazine_capacity_max(unsigned size_class) {
  const u32 stride = kStrides[size_class];
  const u32 fits = (stride <= kTinyMaxStride ? kTinyBudgetBytes : kMagazineBudgetBytes) / stride;
  return fits > kMagazineSlots ? kMagazineSlots : fits < 2 ? 2 : fits;
}

struct MagazinePair {
  void** alloc_top;
  void** free_top;
  void** free_limit;  ///< `capacity` slots below the end of the block of free_top
  u32 trailing;       ///< stride: the header behind is checked; 0: the one in front is, again
  u8 capacity;        ///< of the free magazine; grows from kFirstCapacity, slow start
  u8 capacity_max;
  u8 refill;          ///< slots per refill, grows likewise
  bool zero;          ///< freed slots are zeroed before they are handed out again
};
static_assert(sizeof(MagazinePair) == 32 && kMagazineSlots <= 255);

FAST_PATH bool at_boundary(void* const* top) {
  return (address_of(top) & (kMagazineBytes - kOvershootBytes)) == 0;
}
/// The end of the block that the top is of.
inline void** block_end_of(void** top) {
  return reinterpret_cast<void**>(round_up(address_of(top) + sizeof(void*) - kOvershootBytes, kMagazineBytes));
}
/// Takes an overshoot of the empty allocation magazine back. A top of null stays.
inline void settle(MagazinePair& pair) {
  if (pair.alloc_top && at_boundary(pair.alloc_top)) pair.alloc_top = block_end_of(pair.alloc_top);
}

/// Options that the FastLane gates read, cached per thread (policy B).
struct FastLaneCtx {
  u32 generation = 0;
  u8 class_mask = 0;
  u8 route_mask = 0;
};

/// Per-operation counters (policy C, `every`), and the sampled ones.
struct OpCounters {
  u64 mallocs, frees, refills, flushes, exchanges, remote_frees, remote_collected;
};

struct OwnedSlabs {
  SpanList available;  ///< has free or uncarved slots
  SpanList full;
  u32 empty_count = 0;  ///< slabs of `available` without a live slot, kept for the next refill
};
/// Empty slabs kept per class, in units: a class at the edge must not make and break slabs.
inline constexpr u32 kEmptySlabUnits = 4;

struct alignas(kMagazineBytes) ThreadCache {
  MagazinePair pairs[kClassCount];
  HeapCore* heap;  ///< null in the empty cache that a thread starts with
  Random random;
  u32 id;
  u32 thread;
  FastLaneCtx ctx;
  u32 mode_generation;  ///< of the options that chose this thread's instantiation
  u32 sample_countdown;  ///< slow exits of malloc until one is sampled
  OpCounters counters;
  /// Held by the owner in every slow path: it protects the slab lists, so that fork finds them whole
  /// and a purge from another thread can work on an idle thread's slabs. Magazines are the owner's.
  Lock slow_lock;
  bool in_slow;  ///< owner only: a signal handler interrupted a slow path
  Lock remote_lock;
  Atomic<u32> remote_head;  ///< slabs with posted remote frees, linked by remote_next
  ThreadCache* next_cache;  ///< registry of all caches, never unlinked
  ThreadCache* next_idle;
  bool in_use;
  Quarantine withheld;  ///< of tracked heaps; the owner's
  OwnedSlabs slabs[kClassCount];
  alignas(kMagazineBytes) void* blocks[kClassCount][2][kMagazineBytes / sizeof(void*)];

  MagazinePair& pair(unsigned size_class) { return pairs[size_class]; }
};
/// One system mapping each; the magazines are touched only as classes come into use.
inline constexpr std::size_t kThreadCacheBytes = 132 * 1024;
static_assert(sizeof(ThreadCache) <= kThreadCacheBytes);
inline constexpr std::size_t kPairsBytes = sizeof(MagazinePair) * kClassCount;

/// Byte offset of the pair that serves a request, by granules_for(bytes).
consteval std::array<u16, kClassTableSize> make_pair_offsets() {
  std::array<u16, kClassTableSize> table{};
  for (std::size_t i = 0; i < kClassTableSize; ++i)
    table[i] = static_cast<u16>(kClassTable[i] * sizeof(MagazinePair));
  return table;
}
inline constexpr std::array<u16, kClassTableSize> kPairOffsets = make_pair_offsets();

inline unsigned class_of_pair(const ThreadCache& cache, const MagazinePair& pair) {
  return static_cast<unsigned>(&pair - cache.pairs);
}
/// Slots from a top to the end of its block.
FAST_PATH u32 slots_above(void* const* top) {
  const auto used = address_of(top) & (kMagazineBytes - 1);
  return at_boundary(top) ? 0 : static_cast<u32>((kMagazineBytes - used) / sizeof(void*));
}
FAST_PATH u32 alloc_count(const MagazinePair& pair) { return slots_above(pair.alloc_top); }
/// Freed slots resting.
FAST_PATH u32 free_count(const MagazinePair& pair) { return slots_above(pair.free_top); }

/// The freed slots of the class may become the next ones to hand out: more than half a magazine rests, 64
/// slots of the longest ones, so that the window of the shuffle is 64 too.
FAST_PATH bool exchange_is_due(const MagazinePair& pair) {
  return free_count(pair) * 2 > pair.capacity + pair.capacity / 16U;
}
static_assert(kMagazineSlots + kMagazineSlots / 16 == 2 * 64 - 1);
/// Exchanges the magazines of the class, whose allocation magazine is empty, and pops one slot, live.
/// Touches magazines only, so the caller needs no lock.
HAK_NOINLINE void* exchange_and_pop(HeapCore& heap, ThreadCache& cache, MagazinePair& pair);
/// Exchanges the magazines of the class, whose free magazine is full and whose allocation magazine is
/// at most half full, and pushes the slot, whose state is free already. Likewise without a lock.
HAK_NOINLINE void exchange_and_push(HeapCore& heap, ThreadCache& cache, MagazinePair& pair, void* slot);
/// Frees ran ahead a little: the slabs need not hear of it.
FAST_PATH bool exchange_makes_room(const MagazinePair& pair) {
  return alloc_count(pair) * 2 <= pair.capacity;
}
/// No signal handler interrupted a slow path of the cache, and no remote frees wait.
FAST_PATH bool is_undisturbed(const ThreadCache& cache) {
  return !cache.in_slow && cache.remote_head.load(kRelaxed) == kNoSpan;
}

// ---- slow paths; the caller holds cache.slow_lock ----

/// Fills the empty allocation magazine of the class and pops one slot, live. Null: out of memory.
HAK_NOINLINE void* refill_and_pop(HeapCore& heap, ThreadCache& cache, unsigned size_class);
/// Makes room in the full free magazine and pushes the slot, whose state is free already.
HAK_NOINLINE void make_room_and_push(HeapCore& heap, ThreadCache& cache, unsigned size_class, void* slot);
/// One slot straight from the slabs, for a class whose route is switched off.
void* pop_from_slabs(HeapCore& heap, ThreadCache& cache, unsigned size_class);
/// Destroys an empty slab of the cache's available list, unless remote frees of it are under way.
void retire_slab(HeapCore& heap, ThreadCache& cache, u32 unit);
/// The slab may have become empty: keeps a few of the class, retires the rest.
void note_empty(HeapCore& heap, ThreadCache& cache, u32 unit);
/// Puts free slots back into their slabs; destroys slabs that became empty and are not needed.
void return_to_slabs(HeapCore& heap, ThreadCache& cache, void* const* slots, u32 count);
/// Takes in what other threads freed of this cache's slabs.
void collect_remote(HeapCore& heap, ThreadCache& cache);
/// Empties both magazines of every class into the slabs.
void flush_all(HeapCore& heap, ThreadCache& cache);
/// The same for a thread that was stopped anywhere in its fast path (in the child of fork): its
/// magazines are not believed; what is free by its state, and of its slabs, goes to the bitmaps.
void recover_all(HeapCore& heap, ThreadCache& cache);
/// Destroys the empty slabs of the cache.
void retire_empty(HeapCore& heap, ThreadCache& cache);
/// Frees a live slot of a slab that the calling thread does not own. Any thread.
/// False: the slot was not live any more (a racing free won).
/// `queue` false: the bit alone, for a signal handler that interrupted the owner.
bool post_remote(HeapCore& heap, void* slot, u8 live_state, bool queue = true);

}  // namespace hak
