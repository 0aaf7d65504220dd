#pragma once
// Programs linked with the shared library: what C, C++, POSIX and glibc promise of malloc.
#include <gtest/gtest.h>

#include <cstdint>
#include <algorithm>
#include <cstring>

#include "hakmem.h"

/// Debug tracks every allocation: usable size is what was asked for.
inline bool is_debug() { return strstr(hakmem_build_info(), " debug ") != nullptr; }

#define EXPECT_WHOLE() EXPECT_STREQ(hakmem_verify(), nullptr)

/// The compiler must not know where a pointer or size comes from, or it removes what is tested.
template <typename T>
T opaque(T value) {
  asm volatile("" : "+r"(value) : : "memory");
  return value;
}
