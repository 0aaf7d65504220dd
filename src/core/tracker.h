#pragma once
// Exact records of every allocation, for Debug and the paranoid profile: requested size, family,
// thread, stacks. With them come the exact-size canary over the slack, the write-after-free check at
// reuse, and mismatched allocation families. One record per granule of the arena, out of line.
//
// T1  record(p).live <=> the program holds p;  T2  slack bytes of a live block == canary byte
// T3  all bytes but the last of a freed slot == kFreedByte until it is handed out again
#include "core/heap_core.h"
#include "core/quarantine.h"

namespace hak {

inline constexpr u8 kFreedByte = kDebugBuild ? 0xdd : 0x00;
inline constexpr u32 kMaxFrames = 16;

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

class Tracker {
 public:
  /// Reserves the tables beside the arena. False: not enough address space; then nothing is tracked.
  /// `own_code` tells frames of the library itself, which say nothing to its user; may be null.
  bool init(HeapCore& heap, bool stacks, bool (*own_code)(const void*) = nullptr);
  void destroy(HeapCore& heap);

  /// Checks that a reused slot was not written to since it was freed, then records the allocation and
  /// writes the canary over the slack. kNone, or kWriteAfterFree.
  Fault on_allocate(HeapCore& heap, void* p, std::size_t requested, std::size_t usable, Api api,
                    FaultRecord* record);
  /// Checks canary and family of the live block p. kNone if it may be freed or resized.
  Fault check_live(HeapCore& heap, void* p, std::size_t usable, Api api, FaultRecord* record);
  /// Records the free and fills the slot. p's state is live still; the caller withholds or frees it
  /// next. False: another thread has recorded a free of it meanwhile.
  bool on_release(HeapCore& heap, void* p, std::size_t usable);
  /// From now on freed slots are withheld, up to `slots` of each class, and magazines stay small. Before
  /// the first allocation.
  bool withhold_slots(HeapCore& heap, u32 slots);
  /// Takes the slot, just recorded as freed, and gives what the caller is to free instead; null while
  /// there is room. Large blocks come back at once.
  void* withhold(HeapCore& heap, void* p);
  /// A withheld slot was written to: kWriteAfterFree, and the record filled in.
  Fault check_filled(HeapCore& heap, void* p, std::size_t usable, FaultRecord* record);
  /// True if p is a slot that was freed and not handed out again. While it is withheld this alone
  /// tells it from a live one.
  bool withheld(const HeapCore& heap, const void* p) const;
  /// Hands all withheld slots to the owners of their slabs.
  void drain(HeapCore& heap);
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

  /// In the child of fork.
  Lock& lock() { return commit_lock_; }
  Lock& quarantine_lock() { return quarantine_.lock(); }

 private:
  Record* find(const HeapCore& heap, const void* p) const;
  Record* make(HeapCore& heap, const void* p);
  u32 store_stack(const Os& os);
  Record* records_ = nullptr;
  Atomic<u32>* buckets_ = nullptr;
  const void** frames_ = nullptr;
  std::size_t record_capacity_ = 0;
  Atomic<std::size_t> records_committed_{0};
  Atomic<u32> frames_used_{1};
  Atomic<u32> frames_committed_{0};
  Lock commit_lock_;
  Quarantine quarantine_;
  u64 secret_ = 0;
  bool stacks_ = false;
  bool (*own_code_)(const void*) = nullptr;
};

/// Return addresses of the calling thread's stack by frame pointers, innermost first; stops where the
/// chain leaves the stack. Signal safe, allocates nothing.
u32 capture_stack(const void** frames, u32 capacity);

}  // namespace hak
