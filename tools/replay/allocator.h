#pragma once
// The entry points of the allocator that is replayed on.
#include <cstddef>

#include "base/fault.h"

namespace hak::replay {

struct NoThrow {};  ///< stands for std::nothrow_t, of which only the address is passed

struct Allocator {
  void* (*allocate)(std::size_t);
  void (*release)(void*);
  void* (*zeroed)(std::size_t, std::size_t);
  void* (*resize)(void*, std::size_t);
  void* (*aligned)(std::size_t, std::size_t);
  int (*posix_aligned)(void**, std::size_t, std::size_t);
  void* (*memory_aligned)(std::size_t, std::size_t);
  std::size_t (*usable)(void*);
  int (*trim)(std::size_t);
  // Null where the allocator has none; the plain ones serve then.
  void (*release_sized)(void*, std::size_t);
  void (*release_aligned_sized)(void*, std::size_t, std::size_t);
  void* (*make[2])(std::size_t, const NoThrow&);                        ///< new, new[]
  void* (*make_aligned[2])(std::size_t, std::size_t, const NoThrow&);
  void (*drop[2])(void*);                                               ///< delete, delete[]
  void (*drop_sized[2])(void*, std::size_t);
  void (*drop_aligned[2])(void*, std::size_t, std::size_t);
  const unsigned long* layout;  ///< hakmem_layout, if it is hakmem
};

/// Of the library that was preloaded, or of libc for "-". False: `what` is missing.
bool load_allocator(const char* library, Allocator* to, const char** what);

void* allocate(const Allocator& from, Api api, std::size_t bytes);
void* allocate_aligned(const Allocator& from, Api api, std::size_t alignment, std::size_t bytes);
void* reallocate(const Allocator& from, void* p, std::size_t bytes);
void release(const Allocator& from, Api api, void* p);
void release_sized(const Allocator& from, Api api, void* p, std::size_t bytes, std::size_t alignment);

}  // namespace hak::replay
