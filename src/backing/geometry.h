#pragma once
// Size classes: which stride serves which request, and which route class of the design note it is.
//
// A slot of stride S serves S - 1 bytes: its last byte is the header of the slot behind it.
// G1  request(n) -> first class with stride >= n + 1
// G2  stride % 16 == 0, strides strictly increasing
// G3  slot_index(offset) == offset / stride for every offset below the slab's size
#include <array>

#include "base/seeded.h"

namespace hak {

/// 16-byte steps to 256, 32 to 512, 64 to 1024, then four per doubling, and 2^k + 16 at every power
/// of two from 256, so that exact powers of two do not pay for the header with a whole step.
inline constexpr std::array<u32, 60> kStrides = {
    16,   32,   48,   64,   80,   96,    112,   128,   144,   160,   176,   192,
    208,  224,  240,  256,  272,  288,   320,   352,   384,   416,   448,   480,
    512,  528,  576,  640,  704,  768,   832,   896,   960,   1024,  1040,  1280,
    1536, 1792, 2048, 2064, 2560, 3072,  3584,  4096,  4112,  5120,  6144,  7168,
    8192, 8208, 10240, 12288, 14336, 16384, 16400, 20480, 24576, 28672, 32768, 32784};
inline constexpr unsigned kClassCount = kStrides.size();
inline constexpr u32 kMaxStride = kStrides[kClassCount - 1];
/// Largest request that a slab serves; above it a block is a span of its own.
inline constexpr std::size_t kMaxSlabRequest = kMaxStride - 1;

/// Route classes of the design note: C0-C7 are the tiny sizes, 8 is everything else in slabs.
inline constexpr std::array<u32, 8> kRouteMaxBytes = {16, 32, 64, 96, 128, 256, 768, 1024};
inline constexpr unsigned kMediumRoute = 8;
inline constexpr u32 kTinyMaxStride = 1040;

constexpr unsigned route_of_bytes(std::size_t bytes) {
  for (unsigned i = 0; i < kRouteMaxBytes.size(); ++i)
    if (bytes <= kRouteMaxBytes[i]) return i;
  return kMediumRoute;
}
/// The route class of a size class is that of the largest power-free request it serves: its stride
/// without the +16 of the 2^k classes, so that C5 ends with the class that serves 256.
constexpr unsigned route_of_class(unsigned size_class) {
  const u32 stride = kStrides[size_class];
  return route_of_bytes(is_power_of_two(stride - 16) && stride > 256 ? stride - 16 : stride - 1);
}

consteval std::array<u8, kClassCount> make_route_table() {
  std::array<u8, kClassCount> table{};
  for (unsigned c = 0; c < kClassCount; ++c) table[c] = static_cast<u8>(route_of_class(c));
  return table;
}
inline constexpr std::array<u8, kClassCount> kRouteOfClass = make_route_table();

/// Index of the lookup table: how many granules n bytes and the next header take.
FAST_PATH constexpr std::size_t granules_for(std::size_t bytes) {
  return ((bytes - (HAK_SEEDED(kClassBoundary) && bytes)) >> kGranuleShift) + 1;
}
inline constexpr std::size_t kClassTableSize = granules_for(kMaxSlabRequest) + 1;

consteval std::array<u8, kClassTableSize> make_class_table() {
  std::array<u8, kClassTableSize> table{};
  unsigned size_class = 0;
  for (std::size_t granules = 0; granules < kClassTableSize; ++granules) {
    while (kStrides[size_class] < granules * kGranuleBytes) ++size_class;
    table[granules] = static_cast<u8>(size_class);
  }
  return table;
}
inline constexpr std::array<u8, kClassTableSize> kClassTable = make_class_table();

/// Size class that serves `bytes`; bytes must be at most kMaxSlabRequest.
FAST_PATH constexpr unsigned class_of_bytes(std::size_t bytes) {
  return kClassTable[granules_for(bytes)];
}

/// Largest power of two that divides the stride, at most a page: how every slot is aligned.
constexpr u32 class_alignment(unsigned size_class) {
  const u32 stride = kStrides[size_class];
  const u32 low = stride & (~stride + 1);
  return low > kPageBytes ? static_cast<u32>(kPageBytes) : low;
}

/// First class whose slots hold `bytes` at `alignment`, or kClassCount if a slab cannot.
constexpr unsigned class_of_aligned(std::size_t bytes, std::size_t alignment) {
  if (bytes > kMaxSlabRequest || alignment > kPageBytes) return kClassCount;
  unsigned size_class = class_of_bytes(bytes);
  if (HAK_SEEDED(kAlignedSlotMisaligned)) alignment /= 2;
  while (size_class < kClassCount && class_alignment(size_class) < alignment) ++size_class;
  // A slot more than twice what is needed is worse than whole pages.
  const std::size_t need = bytes > alignment ? bytes : alignment;
  return size_class < kClassCount && kStrides[size_class] <= 2 * need ? size_class : kClassCount;
}

/// Units of a slab of this class: at least fifteen slots, so that the tail is under 7 %.
constexpr u32 slab_units(unsigned size_class) {
  const u32 stride = kStrides[size_class];
  if (stride <= 1040) return 1;
  if (stride <= 4112) return 2;
  if (stride <= 8208) return 4;
  return stride <= 16400 ? 8 : 16;
}

/// Offset of the first slot without colour: room for its header, at the class's alignment.
constexpr u32 first_offset(unsigned size_class) { return class_alignment(size_class); }
constexpr u32 slab_slots(unsigned size_class) {
  return (slab_units(size_class) * static_cast<u32>(kUnitBytes) - first_offset(size_class)) /
         kStrides[size_class];
}
inline constexpr u32 kMaxSlabSlots = 4096;

/// Reciprocal for G3. e = reciprocal * stride - 2^40 <= stride, and offset * e < 2^40 for every
/// offset below 1 MiB, so the floor is exact (checked for all strides and offsets by a test).
inline constexpr unsigned kReciprocalShift = 40;
constexpr u64 reciprocal_of(u32 stride) {
  return (u64{1} << kReciprocalShift) / stride + !HAK_SEEDED(kReciprocalFloored);
}
FAST_PATH constexpr u32 slot_index(u32 offset, u64 reciprocal) {
  return static_cast<u32>((offset * reciprocal) >> kReciprocalShift);
}

static_assert(kStrides[0] == kGranuleBytes);
static_assert(slab_slots(0) < kMaxSlabSlots);
static_assert(class_of_bytes(0) == 0 && class_of_bytes(15) == 0 && class_of_bytes(16) == 1);
static_assert(kStrides[class_of_bytes(256)] == 272 && kStrides[class_of_bytes(1024)] == 1040);
static_assert(class_of_bytes(kMaxSlabRequest) == kClassCount - 1);

}  // namespace hak
