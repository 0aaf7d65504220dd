#pragma once
// The atomics seam. Every shared word of the concurrent parts is a hak::Atomic<T>, and every owner
// write to a state byte that another thread may compare-exchange goes through owner_or/owner_and.
// A schedule explorer replaces this header's types by defining HAK_ATOMIC_SEAM to its own header.
#include <atomic>
#include <type_traits>

#include "base/types.h"

#ifdef HAK_ATOMIC_SEAM
#include HAK_ATOMIC_SEAM
#else

namespace hak {

template <typename T>
using Atomic = std::atomic<T>;

inline constexpr auto kRelaxed = std::memory_order_relaxed;
inline constexpr auto kAcquire = std::memory_order_acquire;
inline constexpr auto kRelease = std::memory_order_release;
inline constexpr auto kAcqRel = std::memory_order_acq_rel;
inline constexpr auto kSeqCst = std::memory_order_seq_cst;

/// Atomic access to a word that is plain in its struct, because most of its readers own it.
template <typename T>
FAST_PATH T atomic_load(const T* at, std::memory_order order) {
  return __atomic_load_n(at, static_cast<int>(order));
}
template <typename T>
FAST_PATH void atomic_store(T* at, std::type_identity_t<T> value, std::memory_order order) {
  __atomic_store_n(at, value, static_cast<int>(order));
}

#if HAK_TSAN
/// A word that another thread may be writing, where every value it ever had is as good.
template <typename T>
FAST_PATH T racy_load(const T& from) { return __atomic_load_n(&from, __ATOMIC_RELAXED); }
FAST_PATH u8 byte_load(const u8* at) { return __atomic_load_n(at, __ATOMIC_RELAXED); }
FAST_PATH void owner_or(u8* at, u8 bits) {
  __atomic_store_n(at, static_cast<u8>(__atomic_load_n(at, __ATOMIC_RELAXED) | bits), __ATOMIC_RELAXED);
}
FAST_PATH void owner_and(u8* at, u8 bits) {
  __atomic_store_n(at, static_cast<u8>(__atomic_load_n(at, __ATOMIC_RELAXED) & bits), __ATOMIC_RELAXED);
}
FAST_PATH void owner_store(u8* at, u8 value) { __atomic_store_n(at, value, __ATOMIC_RELAXED); }
#else
/// A state byte has one plain writer, the owner of its slab; other threads only compare-exchange it,
/// and only away from "live". Plain accesses keep the read-modify-write one instruction; a relaxed
/// atomic would make it three. Bytes do not tear.
template <typename T>
FAST_PATH T racy_load(const T& from) { return from; }
FAST_PATH u8 byte_load(const u8* at) { return *at; }
FAST_PATH void owner_or(u8* at, u8 bits) { *at = static_cast<u8>(*at | bits); }
FAST_PATH void owner_and(u8* at, u8 bits) { *at = static_cast<u8>(*at & bits); }
FAST_PATH void owner_store(u8* at, u8 value) { *at = value; }
#endif

/// The racing side: moves a state byte from `from` to `to`, or tells that it was not `from`.
FAST_PATH bool remote_exchange(u8* at, u8 from, u8 to) {
  return __atomic_compare_exchange_n(at, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

}  // namespace hak
#endif
