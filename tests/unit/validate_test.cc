// core/validate: V1-V3. Every granule and every misalignment of real slabs, every header byte, every
// state byte; the verdict and its reason for every kind of wrong pointer, on every entry point.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {
namespace {

class ValidateTest : public testing::Test {
 protected:
  ValidateTest() : cache(heap.attach()) {}

  bool accepts(void* p) { return static_cast<bool>(Validator::first_look(heap.arena, Wild(p))); }
  bool accepts_twice(void* p) {
    const Block block = Validator::first_look(heap.arena, Wild(p));
    return block && Validator::second_look(heap.arena, block);
  }
  std::string diagnosis(const void* p) {
    record = FaultRecord{};
    return fault_id(Validator::diagnose(heap, p, &record));
  }

  TestHeap heap;
  ThreadCache* cache;
  FaultRecord record;
};

TEST_F(ValidateTest, V1ExactlyTheStartsOfLiveSlotsAreAccepted) {
  for (std::size_t bytes : {1UL, 24UL, 100UL, 300UL, 1000UL, 5000UL, 32000UL}) {
    void* live = heap.malloc(cache, bytes);
    void* freed = heap.malloc(cache, bytes);
    heap.free(cache, freed);
    const u32 unit = heap.unit_of_slot(live);
    const Span& slab = *heap.arena.span(unit);
    std::byte* begin = heap.arena.unit_address(unit);
    // Every byte of the slab's first units, aligned or not. The guard page is never touched: nothing
    // there has a live state.
    for (std::size_t offset = 0; offset < slab.units * kUnitBytes; ++offset) {
      void* p = begin + offset;
      const bool should = p == live;
      if (accepts(p) != should) FAIL() << bytes << " offset " << offset;
      ASSERT_EQ(accepts_twice(p), should);
      ASSERT_TRUE(offset % 7 || (diagnosis(p) == "none") == should) << diagnosis(p);
    }
    EXPECT_EQ(diagnosis(live), "none");
  }
}

TEST_F(ValidateTest, V1EveryHeaderByteButTheRightOneIsRefused) {
  void* p = heap.malloc(cache, 100);
  const u8 header = byte_of(p, -1);
  for (unsigned value = 0; value < 256; ++value) {
    byte_of(p, -1) = static_cast<u8>(value);
    EXPECT_EQ(accepts(p), value == header) << value;
    EXPECT_EQ(diagnosis(p), value == header ? "none" : "corrupt-header") << value;
    EXPECT_EQ(record.header_expected, header);
    EXPECT_EQ(record.header_found, value);
  }
  byte_of(p, -1) = header;
}

TEST_F(ValidateTest, V1EveryStateByteButTheRightOneIsRefused) {
  void* p = heap.malloc(cache, 100);
  u8* state = heap.arena.state_of(p);
  const u8 live = *state;
  for (unsigned value = 0; value < 256; ++value) {
    *state = static_cast<u8>(value);
    // The header is compared with the state; a forged header that matches a wrong live state passes
    // the first look only, the second knows the slab's own.
    EXPECT_EQ(accepts(p), value == live) << value;
    byte_of(p, -1) = static_cast<u8>(value);
    EXPECT_EQ(accepts_twice(p), value == live) << value;
    byte_of(p, -1) = live;
  }
  *state = live;
}

TEST_F(ValidateTest, V2TheSecondLookSeesWhatTheFirstCannot) {
  void* p = heap.malloc(cache, 100);
  const u8 live = heap.state_of(p);
  // A forged slot in the middle of a live one: state and header agree, the geometry does not.
  void* inside = bytes_of(p) + 32;
  *heap.arena.state_of(inside) = live;
  byte_of(inside, -1) = live;
  EXPECT_TRUE(accepts(inside));
  EXPECT_FALSE(accepts_twice(inside));
  *heap.arena.state_of(inside) = 0;
  // A slot that lies in the free bitmap is not live, whatever its state says.
  Span& slab = heap.span_of(p);
  const u32 slot = slab_slot_of(slab, p);
  u64& word = heap.arena.free_bits(heap.unit_of_slot(p))[slot / 64];
  word |= u64{1} << (slot % 64);
  EXPECT_FALSE(accepts_twice(p));
  word &= ~(u64{1} << (slot % 64));
  slab.carved = slot;
  EXPECT_FALSE(accepts_twice(p)) << "beyond what is carved";
}

TEST_F(ValidateTest, V3ADamagedHeaderBehindIsAcceptedByNoPolicy) {
  for (unsigned index = 0; index < kPolicyCount; ++index) {
    heap.use(policy_at(index));
    void* p = heap.malloc(cache, 100);
    const auto usable = static_cast<std::ptrdiff_t>(heap.usable(p));
    const u8 header = byte_of(p, usable);
    byte_of(p, usable) = static_cast<u8>(header + 1);
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "overflow") << index;
    EXPECT_EQ(heap.last.header_found, static_cast<u8>(header + 1));
    EXPECT_EQ(heap.realloc(cache, p, 500), nullptr);
    EXPECT_EQ(heap.fault(), "overflow") << index;
    byte_of(p, usable) = header;
    heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "none") << index;
  }
}

TEST_F(ValidateTest, PointersFromOutside) {
  int on_stack = 0;
  static int in_data = 0;
  EXPECT_EQ(diagnosis(&on_stack), "foreign-pointer");
  EXPECT_EQ(diagnosis(&in_data), "foreign-pointer");
  EXPECT_EQ(diagnosis(reinterpret_cast<void*>(std::uintptr_t{16})), "foreign-pointer");
  EXPECT_EQ(diagnosis(reinterpret_cast<void*>(~std::uintptr_t{15})), "foreign-pointer");
  EXPECT_EQ(diagnosis(heap.arena.unit_address(0) - 16), "foreign-pointer");
  heap.malloc(cache, 10);
  EXPECT_EQ(diagnosis(heap.arena.unit_address(0) + kArenaBytes), "foreign-pointer");
  EXPECT_EQ(diagnosis(heap.arena.spans()), "foreign-pointer") << "nor is our own metadata a block";
  for (std::uintptr_t bits = 0; bits < 64; ++bits)
    EXPECT_FALSE(accepts(reinterpret_cast<void*>(std::uintptr_t{1} << bits)));
}

TEST_F(ValidateTest, PointersIntoSlabs) {
  void* p = heap.malloc(cache, 100);
  const Span& slab = heap.span_of(p);
  EXPECT_EQ(diagnosis(bytes_of(p) + 16), "interior-pointer");
  EXPECT_EQ(record.block_begin, p);
  EXPECT_EQ(record.slot, static_cast<long>(slab_slot_of(slab, p)));
  EXPECT_EQ(record.usable_bytes, 111U);
  EXPECT_EQ(record.size_class, slab.size_class);
  EXPECT_EQ(record.owner_id, cache->id);
  EXPECT_EQ(diagnosis(bytes_of(p) + 8), "misaligned-pointer");
  EXPECT_EQ(diagnosis(bytes_of(p) + 1), "misaligned-pointer");
  EXPECT_EQ(diagnosis(slab_slot_address(slab, slab.carved)), "never-allocated");
  EXPECT_EQ(diagnosis(slab_slot_address(slab, slab.slots - 1)), "never-allocated");
  EXPECT_EQ(diagnosis(heap.arena.unit_address(heap.unit_of_slot(p))), "interior-pointer");
  EXPECT_EQ(diagnosis(heap.arena.unit_address(heap.unit_of_slot(p) + 1) - 16), "interior-pointer");
  // Carved with its neighbours, in the bitmap, not yet handed out.
  void* virgin = nullptr;
  for (u32 slot = 0; slot < slab.carved; ++slot)
    if (state_kind(heap.state_of(slab_slot_address(slab, slot))) == kVirginBits)
      virgin = slab_slot_address(slab, slot);
  ASSERT_NE(virgin, nullptr);
  EXPECT_EQ(diagnosis(virgin), "never-allocated");
  heap.free(cache, p);
  EXPECT_EQ(diagnosis(p), "double-free");
}

TEST_F(ValidateTest, PointersIntoLargeBlocks) {
  auto* p = static_cast<std::byte*>(heap.malloc(cache, 300000));
  EXPECT_EQ(diagnosis(p), "none");
  for (std::size_t offset : {16UL, 4096UL, 65536UL, 131072UL, 299984UL}) {
    EXPECT_EQ(diagnosis(p + offset), "interior-pointer") << offset;
    EXPECT_EQ(record.block_begin, p);
    EXPECT_EQ(record.requested_bytes, 300000U);
    EXPECT_FALSE(Validator::is_live_large(heap.arena, p + offset));
  }
  EXPECT_EQ(diagnosis(p + 100001), "misaligned-pointer");
  heap.free(cache, p);
  EXPECT_EQ(heap.fault(), "none");
  EXPECT_EQ(diagnosis(p), "double-free") << "cached: it is known what it was";
  heap.purge(cache);
  EXPECT_EQ(diagnosis(p), "freed-memory");
  EXPECT_EQ(diagnosis(p + 1), "misaligned-pointer");
}

TEST_F(ValidateTest, PointersIntoMemoryThatWasGivenBackOrNeverUsed) {
  void* p = heap.malloc(cache, 100);
  heap.free(cache, p);
  heap.purge(cache);
  EXPECT_EQ(diagnosis(p), "freed-memory");
  EXPECT_EQ(diagnosis(heap.arena.unit_address(heap.arena.frontier())), "never-allocated");
  EXPECT_EQ(diagnosis(heap.arena.unit_address(0) + kArenaBytes - 16), "never-allocated")
      << "reserved, never committed";
}

TEST_F(ValidateTest, EveryEntryPointGivesTheSameReasonUnderEveryPolicy) {
  auto* live = static_cast<std::byte*>(heap.malloc(cache, 100));
  void* freed = heap.malloc(cache, 100);
  heap.free(cache, freed);
  auto* large = static_cast<std::byte*>(heap.malloc(cache, 100000));
  int on_stack = 0;
  const struct { void* p; const char* fault; } kCases[] = {
      {live + 32, "interior-pointer"},   {live + 4, "misaligned-pointer"},
      {freed, "double-free"},            {&on_stack, "foreign-pointer"},
      {large + 4096, "interior-pointer"}, {large + 9, "misaligned-pointer"},
      {heap.arena.unit_address(heap.arena.frontier()), "never-allocated"}};
  ThreadCache* other = heap.attach();
  for (unsigned index = 0; index < kPolicyCount; ++index) {
    heap.use(policy_at(index));
    for (const auto& c : kCases) {
      SCOPED_TRACE(std::string(c.fault) + " policy " + std::to_string(index));
      const auto expect = [&](Api api) {
        EXPECT_EQ(heap.fault(), c.fault) << api_name(api);
        EXPECT_EQ(heap.last.api, api);
        EXPECT_EQ(heap.last.ptr, c.p);
      };
      heap.free(cache, c.p);
      expect(Api::kFree);
      heap.free(other, c.p);
      expect(Api::kFree);
      EXPECT_EQ(heap.realloc(cache, c.p, 50), nullptr);
      expect(Api::kRealloc);
      EXPECT_EQ(heap.usable(c.p), 0U);
      expect(Api::kUsableSize);
      heap.free_sized(cache, c.p, 100);
      expect(Api::kFreeSized);
    }
  }
  EXPECT_HEAP_WHOLE(heap);
  heap.free(cache, live);
  heap.free(cache, large);
  EXPECT_EQ(heap.fault(), "none") << "the good blocks are untouched";
}

TEST_F(ValidateTest, SizedFrees) {
  const auto sized = [&](std::size_t bytes, std::size_t given, std::size_t alignment = 0) {
    void* p = alignment ? heap.aligned(cache, alignment, bytes) : heap.malloc(cache, bytes);
    heap.free_sized(cache, p, given, alignment);
    const std::string fault = heap.fault();
    if (fault != "none") heap.free(cache, p);
    EXPECT_EQ(heap.fault(), "none");
    return fault;
  };
  for (std::size_t bytes : {0UL, 1UL, 100UL, 1024UL, 32783UL, 32784UL, 1000000UL}) {
    EXPECT_EQ(sized(bytes, bytes), "none") << bytes;
    EXPECT_EQ(sized(bytes, bytes * 2 + 20), "size-mismatch") << bytes;
    EXPECT_EQ(sized(bytes, bytes, 64), "none") << bytes;
    EXPECT_EQ(sized(bytes, bytes, 4096), "none") << bytes;
    EXPECT_EQ(sized(bytes, bytes, 65536), "none") << bytes;
  }
  EXPECT_EQ(sized(100, 10), "size-mismatch");
  EXPECT_EQ(sized(100, kMaxSlabRequest + 1), "size-mismatch");
  EXPECT_EQ(sized(100, ~std::size_t{0}), "size-mismatch");
  EXPECT_EQ(sized(1000000, 10), "size-mismatch");
  EXPECT_EQ(sized(1000000, 999999), "size-mismatch") << "large sizes are exact";
  // An alignment that the block's address does not have.
  std::byte* p = nullptr;
  do {
    p = static_cast<std::byte*>(heap.malloc(cache, 100));
  } while (address_of(p) % 128 == 0);
  heap.free_sized(cache, p, 100, 128);
  EXPECT_EQ(heap.fault(), "alignment-mismatch");
  heap.free(cache, p);
  auto* large = static_cast<std::byte*>(heap.malloc(cache, 100000));
  heap.free_sized(cache, large, 100000, std::size_t{1} << 40);
  EXPECT_EQ(heap.fault(), "alignment-mismatch");
  heap.free(cache, large);
  EXPECT_HEAP_WHOLE(heap);
}

}  // namespace
}  // namespace hak::test
