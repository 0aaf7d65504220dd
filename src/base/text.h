#pragma once
// Text for reports and statistics: a fixed buffer, no locale, no allocation, signal safe.
#include "base/types.h"

namespace hak {

/// Appends to a caller's buffer and drops what does not fit; never writes past `capacity`.
class Text {
 public:
  Text(char* buffer, std::size_t capacity) : buffer_(buffer), capacity_(capacity) {}

  Text& str(const char* s);
  /// At most `most` characters of s, and "..." if that is not all.
  Text& cut(const char* s, std::size_t most);
  Text& chr(char c);
  Text& dec(u64 value);
  Text& num(long value);
  Text& hex(u64 value, unsigned min_digits = 1);
  Text& ptr(const void* p) { return hex(address_of(p)); }
  Text& line() { return chr('\n'); }

  const char* data() const { return buffer_; }
  std::size_t size() const { return size_; }
  bool truncated() const { return truncated_; }
  void clear() { size_ = 0; truncated_ = false; }

 private:
  char* buffer_;
  std::size_t capacity_;
  std::size_t size_ = 0;
  bool truncated_ = false;
};

template <std::size_t N>
class TextBuffer : public Text {
 public:
  TextBuffer() : Text(storage_, N) {}

 private:
  char storage_[N];
};

}  // namespace hak
