#pragma once
// Compiler vocabulary. FAST_PATH code must inline into its caller; SLOW_PATH code must not, so that
// the fast path keeps no spills and leaves by a tail jump.

#define FAST_PATH [[gnu::always_inline]] inline
#define SLOW_PATH [[gnu::noinline, gnu::cold]]
#define HAK_NOINLINE [[gnu::noinline]]
#define HAK_LIKELY(x) __builtin_expect(!!(x), 1)
#define HAK_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define HAK_EXPORT [[gnu::visibility("default")]]

#if defined(__SANITIZE_THREAD__)
#define HAK_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAK_TSAN 1
#endif
#endif
#ifndef HAK_TSAN
#define HAK_TSAN 0
#endif

namespace hak {

/// The compiler forgets what it knows of the value, and so keeps nothing that it derived from it.
template <typename T>
FAST_PATH void opaque(T& value) {
  asm("" : "+r"(value));
}

}  // namespace hak
