// What the formulas of tools/prove/arithmetic.py are about: the constants as compiled, and values that
// the real functions gave, as JSON. A formula that does not give the same values is not this code's.
#include <cinttypes>
#include <cstdio>

#include "backing/arena.h"
#include "core/thread_cache.h"

using namespace hak;

namespace {

void constant(const char* name, u64 value) { std::printf(" \"%s\": %" PRIu64 ",\n", name, value); }

template <typename Of>
void per_class(const char* name, Of of) {
  std::printf(" \"%s\": [", name);
  for (unsigned c = 0; c < kClassCount; ++c)
    std::printf("%s%" PRIu64, c ? ", " : "", static_cast<u64>(of(c)));
  std::printf("],\n");
}

/// Arguments and result of a function at places where its pieces meet.
template <typename Sample>
void samples(const char* name, Sample sample, bool last = false) {
  std::printf(" \"%s\": [", name);
  Random random(7);
  for (unsigned i = 0; i < 64; ++i) {
    u64 row[4] = {};
    sample(i, random, row);
    std::printf("%s[%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 "]", i ? ", " : "", row[0], row[1],
                row[2], row[3]);
  }
  std::printf("]%s\n", last ? "" : ",");
}

void print_samples() {
  samples("slot_index", [](unsigned i, Random& random, u64* row) {
    const u32 stride = kStrides[i % kClassCount];
    const u32 end = slab_units(i % kClassCount) * static_cast<u32>(kUnitBytes);
    const u32 offset = i % 3 ? random.below(end) : (random.below(end / stride) + 1) * stride - i % 2;
    row[0] = offset, row[1] = reciprocal_of(stride), row[2] = slot_index(offset, row[1]);
  });
  samples("granules_for", [](unsigned i, Random& random, u64* row) {
    row[0] = i < 40 ? i : random.below(static_cast<u32>(kMaxSlabRequest));
    row[1] = granules_for(row[0]);
  });
  samples("round_up", [](unsigned i, Random& random, u64* row) {
    row[0] = random.next() >> (1 + i % 60), row[1] = u64{1} << i % 30;
    row[2] = round_up(row[0], row[1]);
  });
  samples("is_live_state", [](unsigned i, Random&, u64* row) {
    row[0] = i * 4 + (i & 3), row[1] = is_live_state(static_cast<u8>(row[0]));
  });
  samples("at_boundary", [](unsigned i, Random& random, u64* row) {
    row[0] = (random.next() & ~u64{kMagazineBytes - 1}) + i * 8 * (i % 3 != 0);
    row[1] = at_boundary(reinterpret_cast<void**>(row[0]));
  });
  samples("alloc_count", [](unsigned i, Random& random, u64* row) {
    row[0] = (random.next() & ~u64{kMagazineBytes - 1}) + i * 8;
    MagazinePair pair = {};
    pair.alloc_top = reinterpret_cast<void**>(row[0]);
    row[1] = alloc_count(pair);
  });
  samples("free_count", [](unsigned i, Random& random, u64* row) {
    row[0] = (random.next() & ~u64{kMagazineBytes - 1}) + i * 8;
    MagazinePair pair = {};
    pair.free_top = reinterpret_cast<void**>(row[0]);
    row[1] = free_count(pair);
  });
  samples("contains", [](unsigned i, Random& random, u64* row) {
    Arena arena;
    arena.base = (random.next() >> 17) & ~u64{kUnitBytes - 1};
    arena.granules = (random.below(64) + u64{1}) * kGranulesPerUnit;
    const u64 bytes = arena.granules * kGranuleBytes;
    row[0] = arena.base + (i % 2 ? bytes - 40 + random.below(80) : random.next() % (2 * bytes)) - i % 3 * 8;
    row[1] = arena.base, row[2] = arena.granules;
    row[3] = arena.contains(reinterpret_cast<void*>(row[0]));
  }, true);
}

}  // namespace

int main() {
  std::printf("{\n");
  constant("granule_bytes", kGranuleBytes);
  constant("unit_bytes", kUnitBytes);
  constant("page_bytes", kPageBytes);
  constant("granule_to_unit_shift", kGranuleToUnitShift);
  constant("max_slab_request", kMaxSlabRequest);
  constant("max_request", kMaxRequestBytes);
  constant("class_table_size", kClassTableSize);
  constant("reciprocal_shift", kReciprocalShift);
  constant("word_table_distance", kWordTableDistance);
  constant("max_arena_bytes", option_info(OptionId::kArenaGib).max << 30);
  constant("magazine_bytes", kMagazineBytes);
  constant("magazine_slots", kMagazineSlots);
  constant("overshoot_bytes", kOvershootBytes);
  constant("pairs_bytes", kPairsBytes);
  constant("pair_bytes", sizeof(MagazinePair));
  constant("cache_bytes", kThreadCacheBytes);
  constant("lowest_key", kLowestKey);
  constant("key_mask", kKeyMask);
  constant("live_bits", kLiveBits);
  constant("virgin_bits", kVirginBits);
  constant("remote_bits", kRemoteBits);
  constant("large_live", kLargeLive);
  constant("large_freed", kLargeFreed);
  constant("no_span", kNoSpan);
  constant("max_slab_slots", kMaxSlabSlots);
  per_class("strides", [](unsigned c) { return kStrides[c]; });
  per_class("units", slab_units);
  per_class("alignments", class_alignment);
  per_class("capacities", magazine_capacity_max);
  print_samples();
  std::printf("}\n");
}
