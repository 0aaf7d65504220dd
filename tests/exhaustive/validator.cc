// V1 and V2, by enumeration: both looks of the validator over every slot, every header byte, every
// state byte, and over every offset of a slab of every class, with the evidence of the first look forged
// where the second must stand alone. What they must say is computed from the slab's geometry. The
// numbers of cases and of acceptances are compared with their formulas, so that an empty loop fails.
#include <cstdlib>

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

/// The evidence of the first look forged for every granule: a live state and the same byte before it.
/// Then the second look alone must find that it is no slot start, or not with this header. The granule
/// 0 of a span is left out, whose header would lie in the span before.
void forged(const SlabBench& bench, Counts& counts) {
  const Arena& arena = bench.heap().arena;
  const u8 header = bench.span().header;
  bench.set_all(kLiveBits);
  for (std::size_t offset = kGranuleBytes; offset < bench.bytes(); offset += kGranuleBytes) {
    u8* p = bench.begin() + offset;
    u8* state = bench.state(p);
    const u8 saved_state = *state, saved = p[-1];
    for (unsigned live = kLiveBits; live < kVirginBits; ++live) {
      *state = p[-1] = static_cast<u8>(live);
      look(arena, p, true, bench.slot_at(p) >= 0 && live == header, counts);
    }
    *state = saved_state;
    p[-1] = saved;
  }
}

/// Live slots of which one other piece of the span's data says no: the free bitmap, the number of
/// carved slots, the kind of the span.
void contradicted(const SlabBench& bench, Counts& counts) {
  const Arena& arena = bench.heap().arena;
  Span& span = bench.span();
  bench.set_all(kLiveBits);
  const u32 carved = span.carved;
  for (u32 index = 0; index < span.slots; ++index) {
    u8* p = bench.slot(index);
    u64& word = arena.free_bits(bench.unit())[index / 64];
    word |= u64{1} << (index % 64);
    look(arena, p, true, false, counts);
    word &= ~(u64{1} << (index % 64));
    span.carved = index;
    look(arena, p, true, false, counts);
    span.carved = carved;
    for (const SpanKind kind : {SpanKind::kNone, SpanKind::kFree, SpanKind::kLarge}) {
      set_kind(span, kind);
      look(arena, p, true, false, counts);
    }
    set_kind(span, SpanKind::kSlab);
    look(arena, p, true, true, counts);
  }
}

/// Two units on either side of what is committed, every granule with forged evidence, and every byte
/// between granules: outside of the bound nothing is a block, inside everything is for the first look.
void bounds(const SlabBench& bench, Counts& counts) {
  constexpr auto kReach = static_cast<std::ptrdiff_t>(2 * kGranulesPerUnit);
  const Arena& arena = bench.heap().arena;
  const u8 header = bench.span().header;
  const auto end = static_cast<std::ptrdiff_t>(arena.granules);
  const auto try_granule = [&](std::ptrdiff_t granule) {
    u8* p = reinterpret_cast<u8*>(arena.base + static_cast<std::uintptr_t>(granule) * kGranuleBytes);
    u8& state = *(arena.state + granule);
    const u8 saved_state = state, saved = p[-1];
    state = p[-1] = header;
    const Block block = Validator::first_look(arena, Wild(p));
    ++counts.cases;
    counts.first += static_cast<bool>(block);
    counts.wrong += static_cast<bool>(block) != (granule >= 0 && granule < end);
    for (std::size_t odd = 1; odd < kGranuleBytes; ++odd) {
      p[odd - 1] = header;
      ++counts.cases;
      counts.wrong += static_cast<bool>(Validator::first_look(arena, Wild(p + odd)));
      p[odd - 1] = 0;
    }
    state = saved_state;
    p[-1] = saved;
  };
  for (std::ptrdiff_t granule = end - kReach; granule < end + kReach; ++granule) try_granule(granule);
}

struct Sums {
  Counts slots, places, forged, contradicted, bounds;
  u64 slot_count = 0, granules = 0, spans = 0;
  u64 wrong() const {
    return slots.wrong + places.wrong + forged.wrong + contradicted.wrong + bounds.wrong;
  }
};

/// Slots: 64 of the 256 states are live, each accepts one header; one of them is the slab's own.
/// Places: with all slots live, each slot start accepts one header of 256. Bounds: half lies inside.
bool check(const Sums& sums) {
  constexpr u64 odd = kGranuleBytes - 1;
  const u64 slots = sums.slot_count, granules = sums.granules, spans = sums.spans;
  bool ok = spans > 0 && granules >= spans * kGranulesPerUnit;
  ok &= check_count("slot x state x header", sums.slots.cases, slots * 65536);
  ok &= check_count("  accepted by the first look", sums.slots.first, slots * 64);
  ok &= check_count("  accepted by both", sums.slots.second, slots);
  ok &= check_count("offset x header x kind", sums.places.cases,
                    4 * ((granules - spans) * 256 + spans + granules * odd * 2));
  ok &= check_count("  accepted by the first look", sums.places.first, slots);
  ok &= check_count("  accepted by both", sums.places.second, slots);
  ok &= check_count("granule x live state, forged", sums.forged.cases, (granules - spans) * 64);
  ok &= check_count("  accepted by the first look", sums.forged.first, (granules - spans) * 64);
  ok &= check_count("  accepted by both", sums.forged.second, slots);
  ok &= check_count("slot x contradiction", sums.contradicted.cases, slots * 6);
  ok &= check_count("  accepted by the first look", sums.contradicted.first, slots * 6);
  ok &= check_count("  accepted by both", sums.contradicted.second, slots);
  ok &= check_count("offset beside the heap's end", sums.bounds.cases, 4 * kGranulesPerUnit * (odd + 1));
  ok &= check_count("  accepted by the first look", sums.bounds.first, 2 * kGranulesPerUnit);
  ok &= check_count("wrong", sums.wrong(), 0);
  return ok;
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned long classes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : kClassCount;
  if (argc > 2 || classes == 0 || classes > kClassCount) {
    std::fprintf(stderr, "usage: exhaustive_validator [CLASSES 1..%u]\n", kClassCount);
    return 2;
  }
  props::InstanceSystem system(0, false);
  Sums sums;
  // The large classes first: they have few slots, and what is wrong is mostly wrong in them too.
  for (unsigned i = 0; i < classes && sums.wrong() == 0; ++i) {
    const unsigned size_class = kClassCount - 1 - i;
    const SlabBench bench(system, size_class);
    if (!bench) {
      std::printf("no full slab of class %u\n", size_class);
      return 1;
    }
    if (sums.bounds.cases == 0) bounds(bench, sums.bounds);
    contradicted(bench, sums.contradicted);
    forged(bench, sums.forged);
    states_and_headers(bench, sums.slots);
    for (const u8 kind : kKinds) offsets(bench, kind, sums.places);
    sums.slot_count += bench.span().slots;
    sums.granules += bench.bytes() / kGranuleBytes;
    ++sums.spans;
  }
  return check(sums) ? 0 : 1;
}
