#include "base/text.h"

namespace hak {

Text& Text::chr(char c) {
  if (size_ < capacity_) {
    buffer_[size_++] = c;
  } else {
    truncated_ = true;
  }
  return *this;
}

Text& Text::str(const char* s) {
  while (*s) chr(*s++);
  return *this;
}

Text& Text::cut(const char* s, std::size_t most) {
  for (std::size_t i = 0; i < most; ++i) {
    if (!s[i]) return *this;
    chr(s[i]);
  }
  return s[most] ? str("...") : *this;
}

Text& Text::dec(u64 value) {
  char digits[20];
  unsigned count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value);
  while (count) chr(digits[--count]);
  return *this;
}

Text& Text::num(long value) {
  if (value < 0) {
    chr('-');
    return dec(static_cast<u64>(-(value + 1)) + 1);
  }
  return dec(static_cast<u64>(value));
}

Text& Text::hex(u64 value, unsigned min_digits) {
  char digits[16];
  unsigned count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value & 15];
    value >>= 4;
  } while (value);
  while (count < min_digits && count < 16) digits[count++] = '0';
  str("0x");
  while (count) chr(digits[--count]);
  return *this;
}

}  // namespace hak
