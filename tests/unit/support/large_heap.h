#pragma once
// A heap whose large blocks are asked for directly, on a scripted kernel.
#include <gtest/gtest.h>

#include "support/scripted_os.h"
#include "support/test_heap.h"

namespace hak::test {

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;

/// On a kernel where guards are free, and on one where each costs mappings.
class LargeTest : public testing::TestWithParam<bool> {
 protected:
  explicit LargeTest(Profile profile = Profile::kHardened)
      : old_kernel(reset()), heap({.profile = profile, .os = &kScripted}) {}
  ~LargeTest() override { EXPECT_EQ(script().complaint, ""); }

  static bool reset() {
    script() = Script{};
    return script().old_kernel = GetParam();
  }
  char* get(std::size_t bytes, std::size_t alignment = kGranuleBytes, bool zero = false) {
    return static_cast<char*>(heap.large.allocate(bytes, alignment, zero));
  }
  void put(void* p) {
    ASSERT_TRUE(heap.large.claim(p));
    heap.large.release(p);
  }
  bool resize(void* p, std::size_t bytes) {
    EXPECT_TRUE(heap.large.claim(p));
    const bool done = heap.large.resize(p, bytes);
    heap.large.unclaim(p);
    return done;
  }
  /// True if the bytes right before and right behind the block cannot be touched.
  bool guarded(const char* p) {
    return !readable(p - 1) && !readable(p + heap.large.usable_bytes(p));
  }
  bool wants_guards(std::size_t bytes) const { return !old_kernel || bytes >= kMiB; }

  bool old_kernel;
  TestHeap heap;
};

class LargeWithoutGuards : public LargeTest {
 protected:
  LargeWithoutGuards() : LargeTest(Profile::kFast) {}
};

}  // namespace hak::test
