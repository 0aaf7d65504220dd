#pragma once
// What src/base/atomic.h is replaced by in the build of the heap that the schedule explorer runs: every
// access to a shared word is announced to the explorer, which decides whose turn it is and, for loads
// in the weak model, which of the values it may read.
//
// Outside an exploration (setting up, checking) the accesses are plain.
#include <bit>
#include <type_traits>

#include "base/seeded.h"

namespace hak {

enum class Order : u8 { kRelaxed, kAcquire, kRelease, kAcqRel, kSeqCst };
inline constexpr Order kRelaxed = Order::kRelaxed;
inline constexpr Order kAcquire = Order::kAcquire;
inline constexpr Order kRelease = Order::kRelease;
inline constexpr Order kAcqRel = Order::kAcqRel;
inline constexpr Order kSeqCst = Order::kSeqCst;

namespace schedule {

/// True while explored threads run.
inline bool g_running = false;

enum class Kind : u8 { kLoad, kStore, kModify, kLock, kUnlock, kAwait };

/// Returns when it is the thread's turn to make this access.
void turn(Kind kind, const void* at, Order order);
/// Says what the access did. Returns what it read: `before`, or an older value that a load may read.
u64 done(bool wrote, u64 before, u64 after);

template <typename T>
FAST_PATH u64 bits_of(T value) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<u64>(value);
  } else if constexpr (std::is_enum_v<T>) {
    return static_cast<u64>(static_cast<std::underlying_type_t<T>>(value));
  } else {
    return static_cast<u64>(value);
  }
}
template <typename T>
FAST_PATH T from_bits(u64 bits) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<T>(bits);
  } else {
    return static_cast<T>(bits);
  }
}

/// The compiler must neither merge nor move the plain accesses that stand for atomic ones.
template <typename T>
FAST_PATH T peek(const T* at) { return *static_cast<const volatile T*>(at); }
template <typename T>
FAST_PATH void poke(T* at, T value) { *static_cast<volatile T*>(at) = value; }

template <typename T, typename Change>
FAST_PATH T change(T* at, Order order, Change&& next) {
  if (g_running) turn(Kind::kModify, at, order);
  const T before = peek(at);
  const T after = next(before);
  poke(at, after);
  if (g_running) done(true, bits_of(before), bits_of(after));
  return before;
}

template <typename T>
FAST_PATH bool change_if(T* at, T& expected, T value, Order order) {
  if (g_running) turn(Kind::kModify, at, order);
  const T before = peek(at);
  const bool equal = before == expected;
  if (equal) poke(at, value);
  if (g_running) done(equal, bits_of(before), bits_of(equal ? value : before));
  if (!equal) expected = before;
  return equal;
}

}  // namespace schedule

template <typename T>
FAST_PATH T atomic_load(const T* at, Order order) {
  if (!schedule::g_running) return schedule::peek(at);
  schedule::turn(schedule::Kind::kLoad, at, order);
  const u64 now = schedule::bits_of(schedule::peek(at));
  return schedule::from_bits<T>(schedule::done(false, now, now));
}
template <typename T>
FAST_PATH void atomic_store(T* at, std::type_identity_t<T> value, Order order) {
  if (schedule::g_running) schedule::turn(schedule::Kind::kStore, at, order);
  const T before = schedule::peek(at);
  schedule::poke(at, value);
  if (schedule::g_running) schedule::done(true, schedule::bits_of(before), schedule::bits_of(value));
}

template <typename T>
class Atomic {
 public:
  constexpr Atomic() : value_() {}
  constexpr Atomic(T value) : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(Order order = kSeqCst) const { return atomic_load(&value_, order); }
  void store(T value, Order order = kSeqCst) { atomic_store(&value_, value, order); }
  operator T() const { return load(); }
  T operator=(T value) {
    store(value);
    return value;
  }
  T exchange(T value, Order order = kSeqCst) {
    return schedule::change(&value_, order, [value](T) { return value; });
  }
  bool compare_exchange_strong(T& expected, T value, Order order = kSeqCst, Order = kRelaxed) {
    return schedule::change_if(&value_, expected, value, order);
  }
  T fetch_add(T more, Order order = kSeqCst) {
    return schedule::change(&value_, order, [more](T old) { return static_cast<T>(old + more); });
  }
  T fetch_sub(T less, Order order = kSeqCst) {
    return schedule::change(&value_, order, [less](T old) { return static_cast<T>(old - less); });
  }
  T fetch_or(T bits, Order order = kSeqCst) {
    return schedule::change(&value_, order, [bits](T old) { return static_cast<T>(old | bits); });
  }
  T fetch_and(T bits, Order order = kSeqCst) {
    return schedule::change(&value_, order, [bits](T old) { return static_cast<T>(old & bits); });
  }

 private:
  T value_;
};

template <typename T>
FAST_PATH T racy_load(const T& from) { return atomic_load(&from, kRelaxed); }
FAST_PATH u8 byte_load(const u8* at) { return atomic_load(at, kRelaxed); }
FAST_PATH void owner_store(u8* at, u8 value) { atomic_store(at, value, kRelaxed); }
/// Two steps, as the processor takes them: another thread's exchange fits in between.
FAST_PATH void owner_or(u8* at, u8 bits) { owner_store(at, static_cast<u8>(byte_load(at) | bits)); }
FAST_PATH void owner_and(u8* at, u8 bits) { owner_store(at, static_cast<u8>(byte_load(at) & bits)); }
FAST_PATH bool remote_exchange(u8* at, u8 from, u8 to) {
  return schedule::change_if(at, from, to, kAcqRel);
}

/// Takes the place of the futex lock: the explorer knows who waits.
class SeamLock {
 public:
  void lock() {
    if (!schedule::g_running) return;
    schedule::turn(schedule::Kind::kLock, this, kAcquire);
    schedule::done(true, 0, 1);
  }
  void unlock() {
    if (!schedule::g_running) return;
    schedule::turn(schedule::Kind::kUnlock, this, HAK_SEEDED(kReleaseMissing) ? kRelaxed : kRelease);
    schedule::done(true, 1, 0);
  }
  void reset() {}

 private:
  [[maybe_unused]] u32 word_ = 0;  // an address of its own
};

/// Waits until the pointer is there, and takes over what the thread that stored it had seen. For
/// programs under exploration: a loop that looks again and again would have no end.
template <typename T>
T* await(const Atomic<T*>& from) {
  static_assert(sizeof(from) == sizeof(u64));
  schedule::turn(schedule::Kind::kAwait, &from, kAcquire);
  const u64 now = *static_cast<const volatile u64*>(static_cast<const void*>(&from));
  return schedule::from_bits<T*>(schedule::done(false, now, now));
}

}  // namespace hak
