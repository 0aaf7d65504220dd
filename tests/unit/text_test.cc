// base/text: a fixed buffer that never overflows.
#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

namespace hak {
namespace {

std::string shown(const Text& text) { return std::string(text.data(), text.size()); }

TEST(Text, WritesNumbersInBothBases) {
  TextBuffer<256> out;
  out.dec(0).chr(' ').dec(~u64{0}).chr(' ').num(0).chr(' ').num(-1).chr(' ');
  out.num(std::numeric_limits<long>::min()).chr(' ').num(std::numeric_limits<long>::max());
  EXPECT_EQ(shown(out), "0 18446744073709551615 0 -1 -9223372036854775808 9223372036854775807");
  out.clear();
  out.hex(0).chr(' ').hex(0xabc).chr(' ').hex(0xa, 2).chr(' ').hex(~u64{0}).chr(' ').hex(1, 40);
  EXPECT_EQ(shown(out), "0x0 0xabc 0x0a 0xffffffffffffffff 0x0000000000000001");
}

TEST(Text, PointersAreHexAndNullIsZero) {
  TextBuffer<64> out;
  out.ptr(nullptr).chr(' ').ptr(reinterpret_cast<void*>(std::uintptr_t{0x1234}));
  EXPECT_EQ(shown(out), "0x0 0x1234");
}

TEST(Text, StringsLinesAndClear) {
  TextBuffer<64> out;
  out.str("a").str("").str("bc").line();
  EXPECT_EQ(shown(out), "abc\n");
  out.clear();
  EXPECT_EQ(out.size(), 0U);
  EXPECT_FALSE(out.truncated());
}

TEST(Text, NeverWritesPastItsCapacity) {
  for (std::size_t capacity = 0; capacity < 40; ++capacity) {
    char buffer[64];
    memset(buffer, '#', sizeof buffer);
    Text out(buffer, capacity);
    out.str("0123456789").dec(12345678).hex(0xdeadbeef, 8).line();
    const std::string whole = "0123456789123456780xdeadbeef\n";
    EXPECT_EQ(shown(out), whole.substr(0, capacity));
    EXPECT_EQ(out.truncated(), capacity < whole.size());
    for (std::size_t i = capacity; i < sizeof buffer; ++i) ASSERT_EQ(buffer[i], '#') << i;
  }
}

TEST(Text, ClearForgetsTruncation) {
  char buffer[2];
  Text out(buffer, sizeof buffer);
  out.str("abc");
  ASSERT_TRUE(out.truncated());
  out.clear();
  out.str("xy");
  EXPECT_FALSE(out.truncated());
  EXPECT_EQ(shown(out), "xy");
}

}  // namespace
}  // namespace hak
