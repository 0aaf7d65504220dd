#pragma once
// Tells a memory checker which bytes of the heap the program may use: exactly those it asked for, from
// the call that returns them to the call that frees them. Slack, headers, freed slots and free spans are
// closed. Everything here is empty unless the build asks for a checker (HAKMEM_TRACK of CMake); then
// every operation takes the paths with records (front/tracked.h), the only ones that call `live` and
// `freed`.
//
// Under the sanitizers the allocator itself is compiled without instrumentation, so that its own looks
// at headers and canaries are not checked; Valgrind sees all code, so they are made inside Quiet.
#include "base/types.h"

// HAKMEM_TRACK: 1 Valgrind's memcheck, 2 AddressSanitizer, 3 MemorySanitizer; not defined: nothing.
#ifndef HAKMEM_TRACK
#define HAKMEM_TRACK 0
#endif

#if HAKMEM_TRACK == 1
#include <valgrind/memcheck.h>
#elif HAKMEM_TRACK == 2
#include <sanitizer/asan_interface.h>
#elif HAKMEM_TRACK == 3
#include <sanitizer/msan_interface.h>
#endif

namespace hak::annotate {

inline constexpr bool kOn = HAKMEM_TRACK != 0;

/// Bytes from the start of a block that belong to it and to nobody else: a slot's usable bytes and the
/// header of the slot behind, or the whole of a large block.
constexpr std::size_t extent(std::size_t usable) { return round_up(usable, kGranuleBytes); }

#if HAKMEM_TRACK == 1

/// No access from now on: what the arena hands out, until a block of it is live.
inline void closed(void* at, std::size_t bytes) { (void)VALGRIND_MAKE_MEM_NOACCESS(at, bytes); }
/// The allocator is about to write the range by functions that a checker replaces (memset).
inline void ours(void*, std::size_t) {}
/// Metadata that names blocks: no leaked block may be found by it. True, so that it can follow a commit.
inline bool hidden(void* at, std::size_t bytes) {
  (void)VALGRIND_DISABLE_ADDR_ERROR_REPORTING_IN_RANGE(at, bytes);
  closed(at, bytes);
  return true;
}
/// The program got [p, p + requested) of the block. Its content is undefined unless `zeroed`.
inline void live(void* p, std::size_t requested, std::size_t usable, bool zeroed) {
  // Without a red zone of Valgrind's: that would take the header in front, which is its neighbour's last
  // byte and must stay with it.
  VALGRIND_MALLOCLIKE_BLOCK(p, requested, 0, zeroed);
  closed(static_cast<std::byte*>(p) + requested, extent(usable) - requested);
}
/// The program gave the block back.
inline void freed(void* p, std::size_t usable) {
  VALGRIND_FREELIKE_BLOCK(p, 0);
  closed(p, extent(usable));
}
/// While one of these lives the calling thread's accesses are the allocator's own. Nests.
class Quiet {
 public:
  Quiet() { VALGRIND_DISABLE_ERROR_REPORTING; }
  ~Quiet() { VALGRIND_ENABLE_ERROR_REPORTING; }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

#elif HAKMEM_TRACK == 2

inline void closed(void* at, std::size_t bytes) { __asan_poison_memory_region(at, bytes); }
inline bool hidden(void*, std::size_t) { return true; }
inline void ours(void* at, std::size_t bytes) { __asan_unpoison_memory_region(at, bytes); }
inline void live(void* p, std::size_t requested, std::size_t usable, bool) {
  ours(p, requested);
  closed(static_cast<std::byte*>(p) + requested, extent(usable) - requested);
}
inline void freed(void* p, std::size_t usable) { closed(p, extent(usable)); }
struct Quiet {};

#elif HAKMEM_TRACK == 3

inline void closed(void* at, std::size_t bytes) { __msan_poison(at, bytes); }
inline bool hidden(void*, std::size_t) { return true; }
inline void ours(void*, std::size_t) {}
inline void live(void* p, std::size_t requested, std::size_t usable, bool zeroed) {
  if (zeroed) {
    __msan_unpoison(p, requested);
  } else {
    __msan_allocated_memory(p, requested);
  }
  closed(static_cast<std::byte*>(p) + requested, extent(usable) - requested);
}
inline void freed(void* p, std::size_t usable) { closed(p, extent(usable)); }
struct Quiet {};

#else

inline void closed(void*, std::size_t) {}
inline bool hidden(void*, std::size_t) { return true; }
inline void ours(void*, std::size_t) {}
inline void live(void*, std::size_t, std::size_t, bool) {}
inline void freed(void*, std::size_t) {}
struct Quiet {};

#endif

}  // namespace hak::annotate
