// The entry points, by enumeration: free by the owner, free by another thread, realloc, usable size and
// both sized frees, over every offset of a slab of every class, every kind of slot, and every value of
// the header before and behind a live slot. Each must give the verdict that follows from the geometry;
// what passes is undone, so that every case starts from the same heap.
#include <cstdlib>
#include <cstring>

#include "slab_bench.h"

using namespace hak;
using namespace hak::exhaustive;

namespace {

enum class Entry { kFree, kRemoteFree, kRealloc, kUsable, kFreeSized, kFreeAligned };
constexpr Entry kEntries[] = {Entry::kFree,   Entry::kRemoteFree, Entry::kRealloc,
                              Entry::kUsable, Entry::kFreeSized,  Entry::kFreeAligned};
constexpr u64 kEntryCount = std::size(kEntries);

struct Counts {
  u64 cases = 0, passed = 0, wrong = 0;
};

class EntryBench {
 public:
  EntryBench(props::InstanceSystem& system, const SlabBench& bench)
      : system_(system), bench_(bench), size_class_(bench.span().size_class) {
    own_ = system.cache(0);
    other_ = system.cache(1);
    pair_ = own_->pair(size_class_);
    // Room in the free magazine, so that every free takes the same path.
    void** end = own_->blocks[size_class_][1] + kMagazineBytes / sizeof(void*);
    pair_.capacity = 2;
    pair_.free_top = end;
    pair_.free_limit = end - 2;
    pair_.alloc_top = own_->blocks[size_class_][0] + kMagazineBytes / sizeof(void*);
    own_->pair(size_class_) = pair_;
  }

  void run(Entry entry, u8* p, Fault want, Counts& counts) {
    const bool passed = call(entry, p);
    const props::Verdict verdict = system_.take_verdict();
    ++counts.cases;
    counts.passed += passed;
    const bool right = verdict.fault == want && verdict.count == (want == Fault::kNone ? 0 : 1) &&
                       passed == (want == Fault::kNone);
    if (!right && counts.wrong++ == 0)
      std::printf("class %u, entry %d, offset %td: verdict %s, must be %s\n", size_class_,
                  static_cast<int>(entry), p - bench_.begin(), fault_id(verdict.fault), fault_id(want));
    if (passed) undo(entry, p);
  }

 private:
  /// True if the heap did what was asked for.
  bool call(Entry entry, u8* p) {
    const std::size_t bytes = bench_.span().stride - 1;
    const u8 before = state_of(p);
    HeapCore& heap = bench_.heap();
    const EntryTable& table = system_.table();
    switch (entry) {
      case Entry::kFree: table.release(heap, own_, p, Api::kFree); break;
      case Entry::kRemoteFree: table.release(heap, other_, p, Api::kFree); break;
      case Entry::kRealloc: return table.reallocate(heap, own_, p, bytes, Api::kRealloc) == p;
      case Entry::kUsable: return table.usable(heap, p, Api::kUsableSize) == bytes;
      case Entry::kFreeSized: table.release_sized(heap, own_, p, bytes, 0, Api::kFreeSized); break;
      case Entry::kFreeAligned:
        table.release_sized(heap, own_, p, bytes, kGranuleBytes, Api::kFreeAlignedSized);
        break;
    }
    return state_of(p) != before;
  }

  u8 state_of(const u8* p) const {
    return address_of(p) % kGranuleBytes ? u8{0} : *bench_.state(p);
  }

  void undo(Entry entry, u8* p) {
    if (entry == Entry::kRealloc || entry == Entry::kUsable) return;
    *bench_.state(p) = with_kind(bench_.span().header, kLiveBits);
    if (entry != Entry::kRemoteFree) {
      own_->pair(size_class_) = pair_;
      return;
    }
    const Arena& arena = bench_.heap().arena;
    for (std::size_t i = 0; i < Arena::kBitWords; ++i) arena.remote_bits(bench_.unit())[i].store(0, kRelaxed);
    bench_.span().queued.store(0, kRelaxed);
    own_->remote_head.store(kNoSpan, kRelaxed);
  }

  props::InstanceSystem& system_;
  const SlabBench& bench_;
  unsigned size_class_;
  ThreadCache* own_;
  ThreadCache* other_;
  MagazinePair pair_;
};

/// What the state of a slot start says, header aside.
Fault verdict_of_kind(u8 kind) {
  switch (kind) {
    case kLiveBits: return Fault::kNone;
    case kVirginBits: return Fault::kNeverAllocated;
    default: return Fault::kDoubleFree;
  }
}

void every_offset(EntryBench& entries, const SlabBench& bench, u8 kind, Counts& counts) {
  bench.set_all(kind);
  for (std::size_t offset = 0; offset < bench.bytes(); ++offset) {
    u8* p = bench.begin() + offset;
    const Fault want = offset % kGranuleBytes  ? Fault::kMisalignedPointer
                       : bench.slot_at(p) >= 0 ? verdict_of_kind(kind)
                                               : Fault::kInteriorPointer;
    // Between granules nothing but the address matters: one byte of each granule, in turn.
    if (offset % kGranuleBytes && offset % kGranuleBytes != 1 + offset / kGranuleBytes % 15) continue;
    for (const Entry entry : kEntries) entries.run(entry, p, want, counts);
  }
}

/// Every live slot x 256 headers before it, then x 256 headers behind it.
void every_header(EntryBench& entries, const SlabBench& bench, Counts& before, Counts& behind) {
  bench.set_all(kLiveBits);
  const u8 header = bench.span().header;
  for (u32 index = 0; index < bench.span().slots; ++index) {
    u8* p = bench.slot(index);
    u8* next = bench.slot(index + 1);
    for (unsigned h = 0; h < 256; ++h) {
      p[-1] = static_cast<u8>(h);
      for (const Entry entry : kEntries)
        entries.run(entry, p, h == header ? Fault::kNone : Fault::kCorruptHeader, before);
      p[-1] = header;
      next[-1] = static_cast<u8>(h);
      // Usable size does not look behind the block: nothing is going to be reused.
      for (const Entry entry : kEntries)
        entries.run(entry, p, h == header || entry == Entry::kUsable ? Fault::kNone : Fault::kOverflow, behind);
      next[-1] = header;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned policy = argc > 1 ? static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)) : 0;
  if (policy >= kPolicyCount) {
    std::fprintf(stderr, "usage: exhaustive_entry [POLICY 0..%u]\n", kPolicyCount - 1);
    return 2;
  }
  props::InstanceSystem system(policy, false);
  Counts places, before, behind;
  u64 slot_count = 0, granules = 0;
  for (unsigned i = 0; i < kClassCount && places.wrong + before.wrong + behind.wrong == 0; ++i) {
    const unsigned c = kClassCount - 1 - i;
    const SlabBench bench(system, c);
    if (!bench) {
      std::printf("no full slab of class %u\n", c);
      return 1;
    }
    EntryBench entries(system, bench);
    for (const u8 kind : kKinds) every_offset(entries, bench, kind, places);
    every_header(entries, bench, before, behind);
    slot_count += bench.span().slots;
    granules += bench.bytes() / kGranuleBytes;
  }
  bool ok = slot_count > 15000;
  ok &= check_count("offset x kind x entry", places.cases, granules * 2 * 4 * kEntryCount);
  ok &= check_count("  passed: the live slot starts", places.passed, slot_count * kEntryCount);
  ok &= check_count("  wrong", places.wrong, 0);
  ok &= check_count("slot x header before x entry", before.cases, slot_count * 256 * kEntryCount);
  ok &= check_count("  passed: the one header", before.passed, slot_count * kEntryCount);
  ok &= check_count("  wrong", before.wrong, 0);
  ok &= check_count("slot x header behind x entry", behind.cases, slot_count * 256 * kEntryCount);
  ok &= check_count("  passed: it, and usable size", behind.passed, slot_count * (kEntryCount - 1 + 256));
  ok &= check_count("  wrong", behind.wrong, 0);
  return ok ? 0 : 1;
}
