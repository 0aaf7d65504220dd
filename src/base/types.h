#pragma once
// Units every layer counts in, and the two pointer types that carry the proof of validation.
#include <cstddef>
#include <cstdint>

#include "base/macros.h"

namespace hak {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
__extension__ using u128 = unsigned __int128;

/// Smallest alignment and the resolution of the slot-state table, bytes.
inline constexpr std::size_t kGranuleBytes = 16;
inline constexpr unsigned kGranuleShift = 4;
/// The arena is handed out in units; a span is a run of units with one purpose.
inline constexpr std::size_t kUnitBytes = 64 * 1024;
inline constexpr unsigned kUnitShift = 16;
inline constexpr std::size_t kGranulesPerUnit = kUnitBytes / kGranuleBytes;
inline constexpr unsigned kGranuleToUnitShift = kUnitShift - kGranuleShift;
inline constexpr std::size_t kPageBytes = 4096;
/// Requests above this are refused with ENOMEM (C23 7.24.3, glibc's rule).
inline constexpr std::size_t kMaxRequestBytes = static_cast<std::size_t>(PTRDIFF_MAX);

static_assert(kUnitBytes == std::size_t{1} << kUnitShift);
static_assert(kGranuleBytes == std::size_t{1} << kGranuleShift);
static_assert(kUnitBytes % kPageBytes == 0);

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
constexpr bool is_power_of_two(std::size_t value) { return value && !(value & (value - 1)); }

FAST_PATH std::uintptr_t address_of(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

/// A pointer as the program gave it: nothing is known of it.
struct Wild {
  void* ptr;
  explicit constexpr Wild(void* p) : ptr(p) {}
};

}  // namespace hak
