// backing/slab: creation, carving, taking, putting, collecting and destruction, for every class.
#include "backing/slab.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

class SlabTest : public testing::Test {
 protected:
  void SetUp() override {
    script() = Script{};
    options_.load_defaults(Profile::kHardened);
    ASSERT_TRUE(arena_.init(kScripted, options_, random_, kArenaBytes));
  }
  void TearDown() override {
    arena_.destroy();
    EXPECT_EQ(script().complaint, "");
  }
  u32 create(unsigned size_class) {
    const u32 unit = slab_create(arena_, size_class, random_);
    EXPECT_NE(unit, kNoSpan);
    return unit;
  }
  Span& slab(u32 unit) { return *arena_.span(unit); }
  std::vector<void*> take(u32 unit, u32 want, bool random_order = true) {
    std::vector<void*> out(want);
    out.resize(slab_take(arena_, unit, random_, random_order, out.data(), want));
    return out;
  }
  u8 state(const void* p) { return byte_load(arena_.state_of(p)); }
  u32 bits_set(u32 unit) {
    u32 sum = 0;
    for (std::size_t i = 0; i < Arena::kBitWords; ++i)
      sum += static_cast<u32>(__builtin_popcountll(arena_.free_bits(unit)[i]));
    return sum;
  }

  Options options_;
  Random random_{1};
  Arena arena_;
};

TEST_F(SlabTest, EverySlotOfEveryClassIsUsableAlignedAndDisjoint) {
  for (unsigned c = 0; c < kClassCount; ++c) {
    const u32 unit = create(c);
    const Span& span = slab(unit);
    const std::vector<void*> slots = take(unit, kMaxSlabSlots);
    ASSERT_EQ(slots.size(), span.slots) << "stride " << span.stride;
    // A guard page costs a slab at most one page of slots.
    ASSERT_GE(span.slots + kPageBytes / span.stride + 1, slab_slots(c));
    std::byte* end = arena_.unit_address(unit + span.units);
    std::set<void*> seen;
    for (void* p : slots) {
      ASSERT_TRUE(seen.insert(p).second);
      ASSERT_EQ(address_of(p) % class_alignment(c), 0U);
      ASSERT_EQ(byte_of(p, -1), span.header);
      ASSERT_EQ(state(p), with_kind(span.header, kFreeBits));
      ASSERT_LE(bytes_of(p) + span.stride, end);
      ASSERT_EQ(slab_slot_address(span, slab_slot_of(span, p)), p);
    }
    for (void* p : slots) memset(p, 0x5a, span.stride - 1);
    for (void* p : slots) ASSERT_EQ(byte_of(p, -1), span.header) << "usable bytes spare the headers";
    for (void* p : slots) ASSERT_TRUE(slab_put(arena_, unit, p));
    slab_destroy(arena_, unit);
    for (void* p : slots) ASSERT_EQ(state(p), kNotASlot);
    ASSERT_TRUE(arena_.verify());
  }
}

TEST_F(SlabTest, NothingIsCarvedBeforeItIsWanted) {
  const u32 unit = create(class_of_bytes(64));
  EXPECT_EQ(slab(unit).carved, 0U);
  EXPECT_EQ(take(unit, 1).size(), 1U);
  const u32 carved = slab(unit).carved;
  EXPECT_EQ(carved, kPageBytes / slab(unit).stride) << "a page's worth at a time";
  EXPECT_EQ(slab(unit).free_count, carved - 1);
  EXPECT_EQ(state(slab_slot_address(slab(unit), carved)), kNotASlot) << "S3";
  EXPECT_EQ(byte_of(slab_slot_address(slab(unit), carved), -1), slab(unit).header)
      << "the header behind the last carved slot exists";
}

TEST_F(SlabTest, CarvedAndNotYetHandedOutIsItsOwnState) {
  const u32 unit = create(class_of_bytes(64));
  const void* first = take(unit, 1).front();
  u32 virgin = 0;
  for (u32 slot = 0; slot < slab(unit).carved; ++slot)
    virgin += state_kind(state(slab_slot_address(slab(unit), slot))) == kVirginBits;
  EXPECT_EQ(virgin, slab(unit).carved - 1);
  EXPECT_EQ(state_kind(state(first)), kFreeBits);
}

TEST_F(SlabTest, S2CountAndBitsAgreeThroughRandomTakesAndPuts) {
  const u32 unit = create(class_of_bytes(100));
  std::vector<void*> held;
  for (int i = 0; i < 3000; ++i) {
    if (random_.below(2)) {
      for (void* p : take(unit, 1 + random_.below(40))) held.push_back(p);
    } else if (!held.empty()) {
      const u32 which = random_.below(static_cast<u32>(held.size()));
      ASSERT_TRUE(slab_put(arena_, unit, held[which]));
      held[which] = held.back();
      held.pop_back();
    }
    ASSERT_EQ(slab(unit).free_count, bits_set(unit));
    ASSERT_EQ(slab(unit).free_count + held.size(), slab(unit).carved);
    ASSERT_EQ(std::set<void*>(held.begin(), held.end()).size(), held.size());
  }
}

TEST_F(SlabTest, PuttingTwiceIsRefusedAndChangesNothing) {
  const u32 unit = create(3);
  void* p = take(unit, 1).front();
  EXPECT_TRUE(slab_put(arena_, unit, p));
  const u32 count = slab(unit).free_count;
  EXPECT_FALSE(slab_put(arena_, unit, p));
  EXPECT_EQ(slab(unit).free_count, count);
}

TEST_F(SlabTest, OrderIsByAddressOnlyWhenAskedFor) {
  const u32 sorted_unit = create(2);
  const std::vector<void*> sorted = take(sorted_unit, 1000, false);
  EXPECT_TRUE(std::is_sorted(sorted.begin(), sorted.end()));
  // From a random place on: over several slabs the first slot handed out differs.
  std::set<u32> firsts;
  for (int i = 0; i < 16; ++i) {
    const u32 unit = create(2);
    take(unit, 1000);
    for (u32 slot = 0; slot < 1000; ++slot) slab_put(arena_, unit, slab_slot_address(slab(unit), slot));
    firsts.insert(slab_slot_of(slab(unit), take(unit, 1).front()));
  }
  EXPECT_GT(firsts.size(), 4U);
}

TEST_F(SlabTest, FirstSlotHasARandomColour) {
  std::set<std::size_t> offsets;
  const unsigned c = class_of_bytes(200);  // a stride that leaves a tail of several steps
  for (int i = 0; i < 20; ++i) {
    const u32 unit = create(c);
    offsets.insert(static_cast<std::size_t>(slab(unit).start - arena_.unit_address(unit)));
  }
  EXPECT_GT(offsets.size(), 1U);
}

TEST_F(SlabTest, HeadersDifferBetweenSlabsOfOneClass) {
  std::set<u8> headers;
  for (int i = 0; i < 32; ++i) headers.insert(slab(create(4)).header);
  EXPECT_GT(headers.size(), 8U);
}

TEST_F(SlabTest, BirthsAreUniqueAndGrow) {
  u32 before = 0;
  for (int i = 0; i < 8; ++i) {
    const u32 birth = slab(create(4)).birth;
    EXPECT_GT(birth, before);
    before = birth;
  }
}

TEST_F(SlabTest, EveryUnitLeadsToTheSlab) {
  const u32 unit = create(kClassCount - 1);
  ASSERT_EQ(slab(unit).units, 16U);
  for (u32 i = 0; i < 16; ++i) EXPECT_EQ(arena_.span_of(unit + i), unit);
}

/// Remote bits are not in this: who sets one for a slab that has ended takes it back himself (R5).
TEST_F(SlabTest, ANewSlabHasNoFreeBitsOfTheOneBefore) {
  const u32 unit = create(0);
  const u32 words = (slab(unit).slots + 63) / 64;
  slab_destroy(arena_, unit);
  for (std::size_t i = 0; i < words; ++i) arena_.free_bits(unit)[i] = ~u64{0};
  ASSERT_EQ(create(0), unit);
  EXPECT_EQ(bits_set(unit), 0U);
}

TEST_F(SlabTest, IsFreeTellsBitmapFromHeld) {
  const u32 unit = create(3);
  void* p = take(unit, 1).front();
  EXPECT_FALSE(slab_is_free(arena_, p));
  EXPECT_TRUE(slab_is_free(arena_, bytes_of(p) + kGranuleBytes)) << "no slot starts inside the one that is held";
  slab_put(arena_, unit, p);
  EXPECT_TRUE(slab_is_free(arena_, p));
  EXPECT_TRUE(slab_is_free(arena_, bytes_of(p) + 1)) << "no slot starts there";
  EXPECT_TRUE(slab_is_free(arena_, bytes_of(p) + kGranuleBytes)) << "nor there";
}

TEST_F(SlabTest, RemoteBitsAreCollectedExactlyOnce) {
  const u32 unit = create(class_of_bytes(16));
  const std::vector<void*> slots = take(unit, 500);
  std::set<void*> posted;
  for (std::size_t i = 0; i < slots.size(); i += 3) {
    EXPECT_TRUE(slab_post_remote(arena_, unit, slab_slot_of(slab(unit), slots[i])));
    EXPECT_FALSE(slab_post_remote(arena_, unit, slab_slot_of(slab(unit), slots[i]))) << "twice";
    posted.insert(slots[i]);
  }
  std::set<void*> found;
  const u32 count =
      slab_collect_remote(arena_, unit, [&](std::byte* p) { EXPECT_TRUE(found.insert(p).second); });
  EXPECT_EQ(count, posted.size());
  EXPECT_EQ(found, posted);
  EXPECT_EQ(slab_collect_remote(arena_, unit, [](std::byte*) {}), 0U);
}

TEST_F(SlabTest, APostedBitIsTakenBackAloneAndOnce) {
  const u32 unit = create(class_of_bytes(16));
  take(unit, 200);
  for (u32 slot = 0; slot < 200; ++slot) {
    EXPECT_TRUE(slab_post_remote(arena_, unit, slot));
    const u32 other = (slot + 77) % 200;
    EXPECT_TRUE(slab_post_remote(arena_, unit, other));
    EXPECT_FALSE(slab_unpost_remote(arena_, unit, slot)) << "nobody had collected it";
    EXPECT_TRUE(slab_unpost_remote(arena_, unit, slot)) << "somebody has, as far as the second can tell";
    std::vector<u32> found;
    slab_collect_remote(arena_, unit, [&](std::byte* p) { found.push_back(slab_slot_of(slab(unit), p)); });
    EXPECT_EQ(found, std::vector<u32>{other}) << slot;
  }
}

TEST_F(SlabTest, ASlabWithASlotInUseIsNeverGivenBack) {
  const u32 unit = create(3);
  take(unit, 1);
  EXPECT_DEATH(slab_destroy(arena_, unit), "internal check failed: slab.free_count == slab.carved");
}

TEST_F(SlabTest, WithoutMemoryThereIsNoSlabAndNoHarm) {
  const u32 hog = create(5);
  script().arm(kCallCommit, 1, ~u64{0} / 2);
  while (slab_create(arena_, 5, random_) != kNoSpan) {
  }
  EXPECT_GT(script().failed, 0U);
  EXPECT_TRUE(arena_.verify());
  script().disarm();
  EXPECT_NE(slab_create(arena_, 5, random_), kNoSpan);
  EXPECT_EQ(slab(hog).kind, SpanKind::kSlab);
}

TEST_F(SlabTest, AGuardThatCannotBeHadCostsTheGuardOnly) {
  if (!kScripted.light_guards()) GTEST_SKIP() << "slabs have guards of their own only where they are free";
  script().arm(kCallGuard, 1);
  const u32 bare = create(5);
  script().disarm();
  const u32 guarded = create(5);
  EXPECT_FALSE(slab(bare).guarded);
  EXPECT_TRUE(slab(guarded).guarded);
  EXPECT_GT(slab(bare).slots, slab(guarded).slots);
  for (u32 unit : {bare, guarded}) {
    const std::vector<void*> slots = take(unit, kMaxSlabSlots);
    EXPECT_EQ(slots.size(), slab(unit).slots);
    for (void* p : slots) memset(p, 1, slab(unit).stride - 1);
    for (void* p : slots) slab_put(arena_, unit, p);
    slab_destroy(arena_, unit);
  }
  // The guard is gone with the slab: all of its unit can be written.
  bool dirty = false;
  const u32 again = arena_.take(2, &dirty);
  memset(arena_.unit_address(again), 1, 2 * kUnitBytes);
}

}  // namespace
}  // namespace hak::test
