// A second heap in the process: made, used and taken down on the kernel, with failures on the way.
#include <string.h>

#include <vector>

#include "abi/process.h"
#include "backing/slab.h"
#include "core/tracker.h"
#include "front/table.h"
#include "system/c_abi.h"
#include "system/kernel_os.h"
#include "system/prefixed.h"

namespace hak::props {
namespace {

constexpr std::size_t kBytes = std::size_t{32} << 20;
constexpr std::size_t kSizes[] = {0, 1, 100, 1000, 3000, 20000, 40000, 300000, 3000000};

u32 g_faults = 0;

/// The objects are large and of the size of pages: not for a stack.
struct Second {
  HeapCore heap;
  Tracker tracker;
};

class Life {
 public:
  Life(u64 seed, bool tracked, bool quarantined) : second_(*new Second) {
    HeapCore& heap = second_.heap;
    heap.options.load_defaults(tracked ? Profile::kParanoid : Profile::kHardened);
    started_ = heap.init(KernelOs::table(), seed, [](HeapCore&, const FaultRecord&) { ++g_faults; }, kBytes);
    if (started_ && tracked) {
      // What was reserved before a failure is given back by destroy.
      made_ = true;
      if (second_.tracker.init(heap, true)) {
        heap.tracker = &second_.tracker;
        heap.zero_max_bytes = 0;
        if (quarantined) second_.tracker.withhold_slots(64);
      }
    }
    if (started_) heap.enable_sampling(2, 4);
  }
  ~Life() {
    if (made_) second_.tracker.destroy(second_.heap);
    if (started_) second_.heap.destroy();
    delete &second_;
  }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  /// Two threads' worth of calls. Null, or what is wrong.
  const char* use() {
    HeapCore& heap = second_.heap;
    if (!started_) return nullptr;
    const EntryTable& table = entry_table(kDefaultPolicy, heap.tracker != nullptr);
    ThreadCache* own = heap.attach();
    ThreadCache* other = heap.attach();
    const bool failed = KernelOs::failures() != 0;
    if (!own || !other) return failed ? nullptr : "a thread gets no cache";
    std::vector<void*> held;
    for (unsigned round = 0; round < 12; ++round) {
      for (const std::size_t bytes : kSizes) {
        void* p = table.allocate(heap, own, bytes, Api::kMalloc);
        if (!p && !KernelOs::failures()) return "the second heap refuses";
        if (p) memset(p, 0x41, bytes);
        if (p) held.push_back(p);
      }
      // Room for the large ones of the next round.
      for (std::size_t i = 0; round % 2 && i < held.size(); ++i) {
        table.release(heap, i % 3 ? own : other, held[i], Api::kFree);
        held[i] = nullptr;
      }
      if (round % 2) held.clear();
    }
    if (g_faults) return "the second heap reports a fault";
    if (const char* broken = heap.verify()) return broken;
    heap.purge(own);
    if (const char* broken = heap.verify()) return broken;
    heap.detach(own);
    heap.detach(other);
    return heap.verify();
  }

 private:
  Second& second_;
  bool started_ = false;
  bool made_ = false;
};

}  // namespace

void CAbiSystem::free_marked() {
  Arena& arena = g_heap.arena;
  for (int tries = 0; tries < 100; ++tries) {
    void* p = hk_malloc(64);
    const u32 unit = arena.span_of(arena.unit_of(p));
    const Span& slab = *arena.span(unit);
    if (slab.kind != SpanKind::kSlab) continue;  // a guard slot
    const u32 slot = slab_slot_of(slab, p);
    hk_free(p);  // into the magazine, from where it goes to the slab a second time
    arena.free_bits(unit)[slot / 64] |= u64{1} << (slot % 64);
    hk_malloc_trim(0);
    return;
  }
}

std::string CAbiSystem::start_check(OsCall call, u64 first, u64 more) {
  KernelOs::disarm();
  KernelOs::take_failures();
  g_faults = 0;
  KernelOs::open_ledger();
  KernelOs::fail(call, first, more);
  const char* wrong = nullptr;
  {
    Life life(first + 1, more % 2 == 1, more % 4 == 3);
    wrong = life.use();
  }
  const std::size_t left = KernelOs::close_ledger();
  KernelOs::disarm();
  KernelOs::take_failures();
  if (wrong) return std::string("second heap: ") + wrong;
  if (left == ~std::size_t{0}) return "second heap: something was released that was not reserved";
  return left ? "second heap: " + std::to_string(left) + " bytes stay reserved" : "";
}

}  // namespace hak::props
