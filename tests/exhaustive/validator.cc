// V1 and V2, by enumeration: both looks of the validator over every slot, every header byte, every
// state byte, and over every offset of a slab of every class. What they must say is computed from the
// slab's geometry alone. The numbers of cases and of acceptances are compared with their formulas.
#include "slab_bench.h"

using namespace hak;
using namespace hak::exhaustive;

namespace {

struct Counts {
  u64 cases = 0, first = 0, second = 0, wrong = 0;
};

/// One case: both looks against what they must say.
void look(const Arena& arena, u8* p, bool want_first, bool want_second, Counts& counts) {
  const Block block = Validator::first_look(arena, Wild(p));
  const bool first = static_cast<bool>(block);
  const bool second = first && Validator::second_look(arena, block);
  ++counts.cases;
  counts.first += first;
  counts.second += second;
  counts.wrong += first != want_first || second != (want_first && want_second);
}

/// Every slot x 256 states x 256 headers. The first look takes any live state whose header is equal;
/// the second knows the one header of the slab.
void states_and_headers(const SlabBench& bench, Counts& counts) {
  const Arena& arena = bench.heap().arena;
  const u8 header = bench.span().header;
  for (u32 index = 0; index < bench.span().slots; ++index) {
    u8* p = bench.slot(index);
    u8* state = bench.state(p);
    for (unsigned s = 0; s < 256; ++s) {
      *state = static_cast<u8>(s);
      const bool live = (s & kStateMask) == kLiveBits;
      for (unsigned h = 0; h < 256; ++h) {
        p[-1] = static_cast<u8>(h);
        look(arena, p, live && h == s, h == header, counts);
      }
    }
    *state = with_kind(header, kLiveBits);
    p[-1] = header;
  }
}

/// Every granule x 256 bytes before it, and every byte between granules x 2, while all slots are of
/// one kind.
void offsets(const SlabBench& bench, u8 kind, Counts& counts) {
  const Arena& arena = bench.heap().arena;
  const u8 header = bench.span().header;
  bench.set_all(kind);
  u8* begin = bench.begin();
  for (std::size_t offset = 0; offset < bench.bytes(); offset += kGranuleBytes) {
    u8* p = begin + offset;
    const bool live_slot = bench.slot_at(p) >= 0 && kind == kLiveBits;
    // The byte before the span belongs to somebody else, or to nobody.
    const u8 saved = offset ? p[-1] : u8{0};
    for (unsigned h = 0; h < (offset ? 256U : 1U); ++h) {
      if (offset) p[-1] = static_cast<u8>(h);
      look(arena, p, live_slot && h == header, true, counts);
    }
    if (offset) p[-1] = saved;
    for (std::size_t odd = 1; odd < kGranuleBytes; ++odd) {
      const u8 before = p[odd - 1];
      look(arena, p + odd, false, false, counts);
      p[odd - 1] = header;
      look(arena, p + odd, false, false, counts);
      p[odd - 1] = before;
    }
  }
}

}  // namespace

int main() {
  props::InstanceSystem system(0, false);
  Counts slots, places;
  u64 slot_count = 0, granules = 0, spans = 0;
  for (unsigned c = 0; c < kClassCount; ++c) {
    const SlabBench bench(system, c);
    if (!bench) {
      std::printf("no full slab of class %u\n", c);
      return 1;
    }
    states_and_headers(bench, slots);
    for (const u8 kind : kKinds) offsets(bench, kind, places);
    slot_count += bench.span().slots;
    granules += bench.bytes() / kGranuleBytes;
    ++spans;
  }
  // Slots: 64 of the 256 states are live, each accepts one header; one of them is the slab's own.
  // Places: with all slots live, each slot start accepts one header of 256.
  const u64 odd = kGranuleBytes - 1;
  bool ok = spans == kClassCount && slot_count > 15000 && granules >= kClassCount * kGranulesPerUnit;
  ok &= check_count("slot x state x header", slots.cases, slot_count * 65536);
  ok &= check_count("  accepted by the first look", slots.first, slot_count * 64);
  ok &= check_count("  accepted by both", slots.second, slot_count);
  ok &= check_count("  wrong", slots.wrong, 0);
  ok &= check_count("offset x header x kind", places.cases, 4 * ((granules - spans) * 256 + spans + granules * odd * 2));
  ok &= check_count("  accepted by the first look", places.first, slot_count);
  ok &= check_count("  accepted by both", places.second, slot_count);
  ok &= check_count("  wrong", places.wrong, 0);
  return ok ? 0 : 1;
}
