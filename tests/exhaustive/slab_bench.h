#pragma once
// One full slab of one class on a heap instance, whose states and headers a test may set at will.
#include <cstdio>
#include <vector>

#include "core/validate.h"
#include "system/instance.h"

namespace hak::exhaustive {

/// The four kinds of a slot's state, as bits over the slab's key.
inline constexpr u8 kKinds[4] = {kLiveBits, kFreeBits, kRemoteBits, kVirginBits};

class SlabBench {
 public:
  SlabBench(props::InstanceSystem& system, unsigned size_class) : system_(system) {
    props::Script script;
    if (!system.reset(script)) return;
    // Every slot of the first slab is handed out once: all are carved, all live.
    void* first = system.allocate(0, kStrides[size_class] - 1, Api::kMalloc);
    if (!first) return;
    unit_ = heap().arena.span_of(heap().arena.unit_of(first));
    while (span().carved < span().slots || span().free_count)
      if (!system.allocate(0, kStrides[size_class] - 1, Api::kMalloc)) return;
    set_all(kLiveBits);
    ok_ = true;
  }
  explicit operator bool() const { return ok_; }

  HeapCore& heap() const { return *system_.heap(); }
  Span& span() const { return *heap().arena.span(unit_); }
  u32 unit() const { return unit_; }
  std::size_t bytes() const { return std::size_t{span().units} * kUnitBytes; }
  u8* begin() const { return reinterpret_cast<u8*>(heap().arena.unit_address(unit_)); }
  u8* slot(u32 index) const {
    return reinterpret_cast<u8*>(span().start) + std::size_t{index} * span().stride;
  }
  u8* state(const void* p) const { return heap().arena.state_of(p); }

  /// Every slot gets this kind and an intact header.
  void set_all(u8 kind) const {
    for (u32 i = 0; i < span().slots; ++i) {
      slot(i)[-1] = span().header;
      *state(slot(i)) = with_kind(span().header, kind);
    }
    slot(span().slots)[-1] = span().header;
  }
  /// The slot that starts at p, or -1.
  long slot_at(const u8* p) const {
    const auto start = reinterpret_cast<const u8*>(span().start);
    if (p < start || (p - start) % span().stride) return -1;
    const long index = (p - start) / span().stride;
    return index < static_cast<long>(span().slots) ? index : -1;
  }

 private:
  props::InstanceSystem& system_;
  u32 unit_ = 0;
  bool ok_ = false;
};

/// Prints a line; true if the count is the one that the formula demands.
inline bool check_count(const char* what, u64 counted, u64 formula) {
  std::printf("%-34s %14llu   formula %14llu   %s\n", what, static_cast<unsigned long long>(counted),
              static_cast<unsigned long long>(formula), counted == formula ? "ok" : "WRONG");
  return counted == formula;
}

}  // namespace hak::exhaustive
