#pragma once
// Exact records of every allocation, for Debug and the paranoid profile: requested size, family,
// thread, stacks. With them come the exact-size canary over the slack, the write-after-free check at
// reuse, and mismatched allocation families. One record per granule of the arena, out of line.
//
// T1  record(p).live <=> the program holds p;  T2  slack bytes of a live block == canary byte
// T3  all bytes but the last of a freed slot == kFreedByte until it is handed out again
#include "core/heap_core.h"

namespace hak {

inline constexpr u8 kFreedByte = kDebugBuild ? 0xdd : 0x00;
inline constexpr u32 kMaxFrames = 16;
/// Of a slot that is wanted soon so much is fetched ahead; the processor goes on by itself from there.
inline constexpr std::size_t kFetchBytes = 512;
inline constexpr std::size_t kCacheLineBytes = 64;
inline constexpr u32 kBuckets = 1U << 16;
inline constexpr u32 kMaxFrameWords = 1U << 25;  // 256 MiB of stacks, reserved

enum class Family : u8 { kMalloc, kNew, kNewArray };
Family family_of(Api api);

struct Record {
  u32 requested_bytes;  ///< low 32 bits; large blocks carry the exact size in their span
  u32 alloc_stack;      ///< ids of the stack table, 0: none
  u32 free_stack;
  u32 alloc_thread;
  u32 free_thread;
  u32 birth;            ///< of the slab; a record of an earlier slab at this place says nothing
  Family family;
  bool live;
  bool filled;          ///< freed, and filled with kFreedByte: withheld, or free
  u8 canary;
  u32 padding;
};
static_assert(sizeof(Record) == 32);

/// A block and what is known of it: looked up once in each call and passed on.
struct Held {
  void* at = nullptr;
  Record* record = nullptr;  ///< null: nothing is recorded of it
  Span* span = nullptr;
  std::size_t usable = 0;    ///< 0: no live block
  u8 live = 0;               ///< the header byte of a live slot, 0 for a large block
  bool slab() const { return live != 0; }
};

class Tracker {
 public:
  /// Reserves the tables beside the arena. False: not enough address space; then nothing is tracked.
  /// `own_code` tells frames of the library itself, which say nothing to its user; may be null.
  bool init(HeapCore& heap, bool stacks, bool (*own_code)(const void*) = nullptr);
  void destroy(HeapCore& heap);
  /// Calls visit(address, bytes) for every range that init reserved.
  template <typename Visit>
  void each_range(Visit&& visit) const {
    if (records_) visit(records_, record_capacity_ * sizeof(Record));
    if (buckets_) visit(buckets_, kBuckets * sizeof(u32));
    if (frames_) visit(frames_, std::size_t{kMaxFrameWords} * sizeof(void*));
  }

  /// The record of the granule where p starts, if it is committed; null for what is misaligned too.
  FAST_PATH Record* find(const HeapCore& heap, const void* p) const {
    const std::size_t offset = address_of(p) - heap.arena.base;
    const std::size_t index = offset >> kGranuleShift | offset << (64 - kGranuleShift);
    return index < records_committed_.load(kAcquire) ? records_ + index : nullptr;
  }

  /// The slot will be looked at soon and has rested so long that it is cold: its memory travels while
  /// the program goes on. Prefetching from any address is harmless.
  FAST_PATH void fetch_ahead(const HeapCore& heap, const void* slot, std::size_t usable) const {
    const std::size_t granule = (address_of(slot) - heap.arena.base) >> kGranuleShift;
    __builtin_prefetch(records_ + granule, 1);
    __builtin_prefetch(heap.arena.state + granule, 1);
    const auto* bytes = static_cast<const std::byte*>(slot) - 1;
    const std::byte* end = bytes + (usable < kFetchBytes ? usable : kFetchBytes);
    for (; bytes < end; bytes += kCacheLineBytes) __builtin_prefetch(bytes, 1);
    __builtin_prefetch(end, 1);
  }

  // The calls below report what they find; if the report comes back the heap is as whole as before.

  /// Checks that a reused slot was not written to since it was freed, then records the allocation and
  /// writes the canary over the slack. False: it was written to.
  bool on_allocate(HeapCore& heap, const Held& held, std::size_t requested, Api api);
  /// Checks canary and family of the live block. True if it may be freed or resized.
  bool check_live(HeapCore& heap, const Held& held, Api api);
  /// The same, then records the free and fills the slot. Its state is live still; the caller withholds
  /// or frees it next. False: it must not be freed, or another thread has recorded a free of it.
  bool on_release(HeapCore& heap, const Held& held, Api api);
  /// From now on each thread withholds freed slots, up to `slots` of each class.
  void withhold_slots(u32 slots) { withheld_slots_ = slots; }
  /// Takes the slot, just recorded as freed, and gives what the caller is to free instead, which was
  /// looked at for writes; null while there is room. Large blocks come back at once.
  void* withhold(HeapCore& heap, ThreadCache& cache, const Held& held, Api api);
  /// True if p is a slot that was freed and not handed out again. While it is withheld this alone
  /// tells it from a live one.
  bool withheld(const HeapCore& heap, const void* p) const;
  /// Hands all slots that the thread withholds to the owners of their slabs.
  void drain(HeapCore& heap, ThreadCache& cache);
  /// Adds what is recorded of the block to a fault record.
  void describe(const HeapCore& heap, const void* block, FaultRecord* record) const;
  /// The size the program asked for; 0 if p has no record.
  std::size_t requested(const HeapCore& heap, const void* p) const;
  /// False if p is no block the program holds, or its record could not be committed.
  bool recorded(const HeapCore& heap, const void* p) const;

  /// The tables, for tools that read them: records by granule, and stacks by id, each preceded by its
  /// depth. Null where nothing is tracked.
  struct Tables {
    const Record* records;
    const Atomic<std::size_t>* committed;
    const void* const* frames;
    u32 frames_used;
  };
  Tables tables() const {
    return {records_, &records_committed_, stacks_ ? frames_ : nullptr, frames_used_.load(kAcquire)};
  }

  /// For fork.
  Lock& lock() { return commit_lock_; }

 private:
  bool sound(HeapCore& heap, const Held& held, Api api);
  SLOW_PATH Record* make(HeapCore& heap, const void* p);
  /// Reports what is wrong with the live block; false.
  SLOW_PATH bool refuse(HeapCore& heap, const Held& held, Api api, Fault fault);
  SLOW_PATH void report_write(HeapCore& heap, const Held& held, Api api);
  u8 canary_of(const void* p) const;
  u32 store_stack(const Os& os);
  Record* records_ = nullptr;
  Atomic<u32>* buckets_ = nullptr;
  const void** frames_ = nullptr;
  std::size_t record_capacity_ = 0;
  Atomic<std::size_t> records_committed_{0};
  Atomic<u32> frames_used_{1};
  Atomic<u32> frames_committed_{0};
  Lock commit_lock_;
  u32 withheld_slots_ = 0;
  u64 secret_ = 0;
  bool stacks_ = false;
  bool (*own_code_)(const void*) = nullptr;
};

/// Return addresses of the calling thread's stack by frame pointers, innermost first; stops where the
/// chain leaves the stack. Signal safe, allocates nothing.
u32 capture_stack(const void** frames, u32 capacity);

}  // namespace hak
