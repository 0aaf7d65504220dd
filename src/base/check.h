#pragma once
// Assertion tiers. HAK_CHECK: corruption of our own state, always on. HAK_ASSERT: O(1), in Debug and
// test builds, compiled but not evaluated elsewhere. Client misuse is a Fault, never an assertion;
// exhausted memory and bad alignment are results.
#include "base/macros.h"

namespace hak {
/// Prints one line naming the broken invariant with both operands and aborts. Allocates nothing.
[[noreturn]] void check_failed(const char* expression, const char* file, int line,
                               unsigned long left, unsigned long right);
}  // namespace hak

#ifdef HAKMEM_DEBUG
#define HAK_ASSERTIONS 1
#else
#define HAK_ASSERTIONS 0
#endif

#define HAK_CHECK(cond)                                                        \
  do {                                                                         \
    if (HAK_UNLIKELY(!(cond))) ::hak::check_failed(#cond, __FILE__, __LINE__, 0, 0); \
  } while (false)
#define HAK_CHECK_EQ(a, b)                                                     \
  do {                                                                         \
    if (HAK_UNLIKELY(!((a) == (b))))                                           \
      ::hak::check_failed(#a " == " #b, __FILE__, __LINE__,                    \
                          static_cast<unsigned long>(a), static_cast<unsigned long>(b)); \
  } while (false)
#define HAK_ASSERT(cond)                                                       \
  do {                                                                         \
    if (HAK_ASSERTIONS && HAK_UNLIKELY(!(cond)))                               \
      ::hak::check_failed(#cond, __FILE__, __LINE__, 0, 0);                    \
  } while (false)
