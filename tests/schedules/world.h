#pragma once
// What three explored threads share: a heap on the pool, their caches, and a ledger of what the
// program was given and gave back. After every schedule the ledger and the heap must agree.
#include <string>

#include "explorer.h"
#include "front/front.h"

namespace hak::schedule {

/// Small heaps by choice of class: slabs of eight units, magazines of two slots, a slab kept per class.
inline constexpr std::size_t kBlockBytes = 16390;
inline constexpr std::size_t kLargeBytes = 100'000;
/// The fewest checks, as with evidence: what is left must be enough.
inline constexpr Policy kTrusted = {true, true, Stats::kSampled, true, true};
inline constexpr Policy kFastLane = {false, true, Stats::kSampled, false, true};

/// One block's history, by address.
struct Account {
  void* at;
  int handed, freed, faults;
};

struct World {
  HeapCore heap;
  ThreadCache* caches[kThreads] = {};
  void* blocks[8] = {};
  Atomic<void*> mail[kThreads] = {};
  Account accounts[32] = {};
  int account_count = 0;
  int racing = 0;                 ///< faults found at collection
  u64 outcome = 0;
  const char* broken = nullptr;   ///< what a thread saw that must not be

  Account& account(void* p);
};

extern World* g_world;

/// A world in fresh pool memory, a heap without caches in it.
void make_world();
/// Takes a cache for the thread.
void attach(int thread);
/// malloc and free of the thread, entered in the ledger.
void* allocate(int thread, std::size_t bytes = kBlockBytes);
void release(int thread, void* p);
/// Hands the thread's cache over, as at its exit.
void leave(int thread);

/// Opens the pool, and makes a crash or an endless loop of explored code the end of that run.
void open_world();

/// At rest: the owners collect; then every invariant holds, every block was handed out once more often
/// than it was freed without a fault or exactly as often, and when all is freed and handed over no slab
/// is left. Empty if so. `faults`: how many there must have been; -1: the ledger decides.
std::string settle(int faults);

/// What came of the run, as a number: faults and, block by block, where it ended.
u64 outcome();

}  // namespace hak::schedule
