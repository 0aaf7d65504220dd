// base/fill: what is looked at in chunks against the same byte by byte, for every length and place.
#include "base/fill.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace hak::test {
namespace {

constexpr std::size_t kLongest = 700;  // beyond kLongFill
constexpr std::size_t kMargin = 32;

class Fill : public testing::TestWithParam<std::size_t> {
 protected:
  Fill() : memory(kLongest + 2 * kMargin + GetParam(), 0x77) {}
  u8* at() { return memory.data() + kMargin + GetParam(); }
  /// Everything but the `bytes` from `from` on is as it was.
  bool untouched(std::size_t from, std::size_t bytes) {
    const auto as_it_was = [](u8 byte) { return byte == 0x77; };
    return std::all_of(memory.data(), at() + from, as_it_was) &&
           std::all_of(at() + from + bytes, memory.data() + memory.size(), as_it_was);
  }
  std::vector<u8> memory;
};

TEST_P(Fill, FillsExactlyTheRangeAndFindsEveryOtherByteInIt) {
  for (std::size_t bytes = 0; bytes <= kLongest; ++bytes) {
    fill_with(at(), bytes, 0xdd);
    ASSERT_TRUE(untouched(0, bytes)) << bytes;
    ASSERT_TRUE(holds_only(at(), bytes, 0xdd)) << bytes;
    for (std::size_t i = 0; i < bytes; ++i) {
      at()[i] ^= 0x40;
      ASSERT_FALSE(holds_only(at(), bytes, 0xdd)) << i << " of " << bytes;
      ASSERT_EQ(first_other(at(), bytes, 0xdd), i);
      at()[i] ^= 0x40;
    }
    fill_with(at(), bytes, 0x77);
  }
}

TEST_P(Fill, ACanaryCoversTheSlackAndNothingElse) {
  for (std::size_t usable = 1; usable <= 96; ++usable) {
    for (std::size_t from = 0; from <= usable; ++from) {
      write_canary(at(), from, usable, 0x5b);
      ASSERT_TRUE(untouched(from, usable - from)) << from << " of " << usable;
      ASSERT_TRUE(canary_holds(at(), from, usable, 0x5b)) << from << " of " << usable;
      for (std::size_t i = 0; i < usable; ++i) {
        at()[i] ^= 1;
        ASSERT_EQ(canary_holds(at(), from, usable, 0x5b), i < from) << i << ", " << from << " of " << usable;
        at()[i] ^= 1;
      }
      fill_with(at(), usable, 0x77);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Places, Fill, testing::Values(0, 1, 7, 15));

}  // namespace
}  // namespace hak::test
