// backing/geometry and backing/slot_state: G1-G3 for every stride and every offset, H1's bytes.
#include <gtest/gtest.h>

#include <set>

#include "backing/geometry.h"
#include "backing/slot_state.h"

namespace hak {
namespace {

TEST(Geometry, G1EveryRequestGetsTheFirstClassThatHoldsItAndTheHeader) {
  unsigned expected = 0;
  for (std::size_t bytes = 0; bytes <= kMaxSlabRequest; ++bytes) {
    while (kStrides[expected] < bytes + 1) ++expected;
    ASSERT_EQ(class_of_bytes(bytes), expected) << bytes;
  }
  EXPECT_EQ(expected, kClassCount - 1);
}

TEST(Geometry, G2StridesAreGranulesAndGrow) {
  u32 before = 0;
  for (u32 stride : kStrides) {
    EXPECT_EQ(stride % kGranuleBytes, 0U);
    EXPECT_GT(stride, before);
    EXPECT_LE(stride - before, before / 4 + 16) << stride;
    before = stride;
  }
}

TEST(Geometry, G3SlotIndexIsTheQuotientForEveryOffsetInASlab) {
  for (unsigned c = 0; c < kClassCount; ++c) {
    const u32 stride = kStrides[c];
    const u64 reciprocal = reciprocal_of(stride);
    const u32 end = slab_units(c) * static_cast<u32>(kUnitBytes);
    u32 quotient = 0, rest = 0;
    for (u32 offset = 0; offset < end; ++offset) {
      if (slot_index(offset, reciprocal) != quotient)
        FAIL() << "stride " << stride << " offset " << offset;
      if (++rest == stride) rest = 0, ++quotient;
    }
  }
}

TEST(Geometry, PowersOfTwoDoNotPayAStepForTheHeader) {
  for (std::size_t bytes = 256; bytes <= 32768; bytes *= 2)
    EXPECT_EQ(kStrides[class_of_bytes(bytes)], bytes + 16) << bytes;
}

TEST(Geometry, AlignmentOfAClassDividesItsStrideAndFirstSlot) {
  for (unsigned c = 0; c < kClassCount; ++c) {
    const u32 alignment = class_alignment(c);
    EXPECT_TRUE(is_power_of_two(alignment));
    EXPECT_EQ(kStrides[c] % alignment, 0U);
    EXPECT_EQ(first_offset(c) % alignment, 0U);
    EXPECT_GE(first_offset(c), kGranuleBytes) << "room for the first header";
    EXPECT_TRUE(alignment == kPageBytes || kStrides[c] % (alignment * 2) != 0) << kStrides[c];
  }
}

TEST(Geometry, AlignedRequestsGetSlotsThatHoldThemAndAreAligned) {
  for (std::size_t alignment = 32; alignment <= 2 * kPageBytes; alignment *= 2) {
    for (std::size_t bytes = 0; bytes <= kMaxSlabRequest + 2; ++bytes) {
      const unsigned c = class_of_aligned(bytes, alignment);
      if (c == kClassCount) continue;
      ASSERT_LT(c, kClassCount);
      ASSERT_EQ(class_alignment(c) % alignment, 0U) << bytes << " at " << alignment;
      ASSERT_GE(kStrides[c], bytes + 1);
      ASSERT_LE(kStrides[c], 2 * (bytes > alignment ? bytes : alignment));
    }
  }
  EXPECT_EQ(class_of_aligned(10, 2 * kPageBytes), kClassCount);
  EXPECT_EQ(class_of_aligned(kMaxSlabRequest + 1, 32), kClassCount);
  EXPECT_EQ(kStrides[class_of_aligned(10, 32)], 32U);
  EXPECT_EQ(kStrides[class_of_aligned(32, 32)], 64U);
  EXPECT_EQ(kStrides[class_of_aligned(0, kPageBytes)], kPageBytes);
}

TEST(Geometry, SlabsHoldWhatTheirTablesHaveRoomFor) {
  for (unsigned c = 0; c < kClassCount; ++c) {
    EXPECT_LT(slab_slots(c), kMaxSlabSlots) << kStrides[c];
    EXPECT_GE(slab_slots(c), 15U) << kStrides[c];
    const u32 bytes = slab_units(c) * static_cast<u32>(kUnitBytes);
    EXPECT_LE(first_offset(c) + slab_slots(c) * kStrides[c], bytes);
  }
}

TEST(Geometry, RouteClassesAreTheNotes) {
  const std::size_t kLast[] = {16, 32, 64, 96, 128, 256, 768, 1024};
  std::size_t bytes = 0;
  for (unsigned route = 0; route < 8; ++route)
    for (; bytes <= kLast[route]; ++bytes) ASSERT_EQ(route_of_bytes(bytes), route) << bytes;
  EXPECT_EQ(route_of_bytes(1025), kMediumRoute);
  EXPECT_EQ(route_of_bytes(~std::size_t{0}), kMediumRoute);
}

TEST(Geometry, TheRouteOfAClassIsMonotonicAndFitsItsRequests) {
  unsigned before = 0;
  for (unsigned c = 0; c < kClassCount; ++c) {
    const unsigned route = kRouteOfClass[c];
    EXPECT_EQ(route, route_of_class(c));
    EXPECT_GE(route, before);
    before = route;
  }
  EXPECT_EQ(kRouteOfClass[class_of_bytes(256)], 5U);
  EXPECT_EQ(kRouteOfClass[class_of_bytes(1024)], 7U);
  EXPECT_EQ(kRouteOfClass[class_of_bytes(1040)], kMediumRoute);
  EXPECT_EQ(kRouteOfClass[kClassCount - 1], kMediumRoute);
}

TEST(SlotState, ExactlyTheBytesFrom80ToBfAreLive) {
  for (unsigned value = 0; value < 256; ++value) {
    const u8 state = static_cast<u8>(value);
    EXPECT_EQ(is_live_state(state), value >= 0x80 && value <= 0xbf) << value;
    EXPECT_EQ(is_live_state(state), state_kind(state) == kLiveBits) << value;
    for (u8 kind : {kFreeBits, kRemoteBits, kLiveBits, kVirginBits}) {
      EXPECT_EQ(state_kind(with_kind(state, kind)), kind);
      EXPECT_EQ(with_kind(state, kind) & kKeyMask, state & kKeyMask);
    }
  }
  EXPECT_FALSE(is_slab_slot(kLargeLive));
  EXPECT_FALSE(is_slab_slot(kLargeFreed));
  EXPECT_FALSE(is_slab_slot(kNotASlot));
  EXPECT_NE(state_kind(kLargeLive), kLiveBits) << "first_look must never take a large block";
}

TEST(SlotState, HeadersAreLiveKeyedAndVary) {
  Random random(3);
  for (unsigned route = 0; route <= kMediumRoute; ++route) {
    std::set<u8> keys;
    for (int i = 0; i < 2000; ++i) {
      const u8 header = make_header(route, random);
      ASSERT_TRUE(is_live_state(header));
      ASSERT_TRUE(is_slab_slot(header)) << "keys 0 and 1 mean other things";
      ASSERT_NE(header, kLargeLive);
      keys.insert(header);
    }
    EXPECT_EQ(keys.size(), 62U) << "every key from 2 to 63";
  }
}

}  // namespace
}  // namespace hak
