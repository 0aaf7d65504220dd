// What can be wrong with a pointer. Each setup makes one.
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <thread>
#include <vector>

#include "wrong.h"

extern "C" {
void* __libc_malloc(size_t);
void __libc_free(void*);
}

namespace misuse {
namespace {

constexpr std::size_t kSmall = 100;
constexpr std::size_t kLarge = 100000;

char* at(void* p) { return static_cast<char*>(p); }

Wrong good(Family family, std::size_t size) {
  Wrong wrong;
  wrong.ptr = wrong.block = allocate(family, size);
  wrong.requested = wrong.given = size;
  wrong.alignment = 16;
  memset(wrong.ptr, 0x21, size);
  return wrong;
}

Wrong double_free(Family family) {
  const Wrong wrong = good(family, kSmall);
  release(family, wrong.ptr);
  return wrong;
}
Wrong double_free_large(Family family) {
  const Wrong wrong = good(family, kLarge);
  release(family, wrong.ptr);
  return wrong;
}
Wrong double_free_after_others(Family family) {
  const Wrong wrong = good(family, kSmall);
  release(family, wrong.ptr);
  for (int i = 0; i < 10; ++i) release(family, allocate(family, kSmall));
  return wrong;
}
Wrong freed_by_thread(Family family) {
  const Wrong wrong = good(family, kSmall);
  std::thread([&] { release(family, wrong.ptr); }).join();
  return wrong;
}

Wrong moved(Wrong wrong, std::ptrdiff_t by) {
  wrong.ptr = at(wrong.ptr) + by;
  return wrong;
}
Wrong interior(Family family) { return moved(good(family, kSmall), 32); }
Wrong interior_large(Family family) { return moved(good(family, kLarge), 8192); }
Wrong misaligned(Family family) { return moved(good(family, kSmall), 8); }
Wrong misaligned_by_one(Family family) { return moved(good(family, kSmall), 1); }
Wrong misaligned_large(Family family) { return moved(good(family, kLarge), 8); }

Wrong outside(void* p) {
  Wrong wrong;
  wrong.ptr = p;
  wrong.given = kSmall;
  wrong.alignment = 16;
  return wrong;
}
Wrong foreign_stack(Family) {
  return outside(reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) & ~15UL));
}
alignas(16) char g_global[64];
Wrong foreign_global(Family) { return outside(g_global); }
Wrong foreign_mapping(Family) {
  return outside(mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
Wrong foreign_small(Family) { return outside(reinterpret_cast<void*>(uintptr_t{16})); }
Wrong foreign_kernel(Family) { return outside(reinterpret_cast<void*>(~uintptr_t{15})); }
Wrong foreign_misaligned(Family) { return outside(g_global + 3); }

Wrong never_carved(Family family) {
  // 300 slots on: in the same slab, far behind what a first allocation carves.
  return moved(good(family, kSmall), 300 * 112);
}
Wrong never_committed(Family family) {
  return moved(good(family, kSmall), std::ptrdiff_t{64} << 20);
}

Wrong freed_memory(Family family) {
  std::vector<void*> blocks;
  for (int i = 0; i < 5000; ++i) blocks.push_back(allocate(family, kSmall));
  const Wrong wrong = outside(blocks[2500]);
  for (void* p : blocks) release(family, p);
  malloc_trim(0);
  return wrong;
}
Wrong freed_memory_large(Family family) {
  const Wrong wrong = outside(allocate(family, std::size_t{40} << 20));
  release(family, wrong.ptr);
  malloc_trim(0);
  return wrong;
}

Wrong corrupt_header(Family family) {
  const Wrong wrong = good(family, kSmall);
  at(wrong.ptr)[-1] = static_cast<char>(at(wrong.ptr)[-1] ^ 1);
  return wrong;
}
Wrong zeroed_header(Family family) {
  const Wrong wrong = good(family, kSmall);
  at(wrong.ptr)[-1] = 0;
  return wrong;
}
/// One byte too many, by a string function's terminating zero.
Wrong overflow(Family family) {
  const Wrong wrong = good(family, kSmall);
  at(wrong.ptr)[malloc_usable_size(wrong.ptr)] = 0;
  return wrong;
}
Wrong overflow_by_many(Family family) {
  const Wrong wrong = good(family, kSmall);
  memset(wrong.ptr, 'A', malloc_usable_size(wrong.ptr) + 40);
  return wrong;
}

Wrong size_mismatch(Family family) {
  Wrong wrong = good(family, kSmall);
  wrong.given = 500;
  return wrong;
}
Wrong size_too_small(Family family) {
  Wrong wrong = good(family, kSmall);
  wrong.given = 10;
  return wrong;
}
Wrong size_mismatch_large(Family family) {
  Wrong wrong = good(family, kLarge);
  wrong.given = kLarge - 1;
  return wrong;
}
Wrong alignment_mismatch(Family family) {
  Wrong wrong;
  do {
    wrong = good(family, kSmall);
  } while (reinterpret_cast<uintptr_t>(wrong.ptr) % 1024 == 0);
  wrong.alignment = 1024;
  return wrong;
}
Wrong alignment_mismatch_large(Family family) {
  Wrong wrong = good(family, kLarge);
  wrong.alignment = std::size_t{1} << 40;
  return wrong;
}

/// The block of another family than the call's.
Family other(Family family) {
  return family == Family::kMalloc ? Family::kNew : Family::kMalloc;
}
Wrong api_mismatch(Family family) { return good(other(family), kSmall); }
Wrong api_mismatch_array(Family family) {
  return good(family == Family::kNewArray ? Family::kNew : Family::kNewArray, kSmall);
}

constexpr Setup kSetups[] = {
    {"double_free", double_free},
    {"double_free_large", double_free_large},
    {"double_free_after_others", double_free_after_others},
    {"freed_by_thread", freed_by_thread},
    {"interior", interior},
    {"interior_large", interior_large},
    {"misaligned", misaligned},
    {"misaligned_by_one", misaligned_by_one},
    {"misaligned_large", misaligned_large},
    {"foreign_stack", foreign_stack},
    {"foreign_global", foreign_global},
    {"foreign_mapping", foreign_mapping},
    {"foreign_small", foreign_small},
    {"foreign_kernel", foreign_kernel},
    {"foreign_misaligned", foreign_misaligned},
    {"foreign_libc", [](Family) { return outside(__libc_malloc(100)); }},
    {"foreign_libc_freed",
     [](Family) {
       void* p = __libc_malloc(5000);
       void* next = __libc_malloc(10);
       __libc_free(p);
       (void)next;
       return outside(p);
     }},
    {"never_carved", never_carved},
    {"never_committed", never_committed},
    {"freed_memory", freed_memory},
    {"freed_memory_large", freed_memory_large},
    {"corrupt_header", corrupt_header},
    {"zeroed_header", zeroed_header},
    {"overflow", overflow},
    {"overflow_by_many", overflow_by_many},
    {"size_mismatch", size_mismatch},
    {"size_too_small", size_too_small},
    {"size_mismatch_large", size_mismatch_large},
    {"alignment_mismatch", alignment_mismatch},
    {"alignment_mismatch_large", alignment_mismatch_large},
    {"api_mismatch", api_mismatch},
    {"api_mismatch_array", api_mismatch_array},
    {"nothing_wrong", [](Family family) { return good(family, kSmall); }},
    {"nothing_wrong_large", [](Family family) { return good(family, kLarge); }},
};

}  // namespace

const Setup* find_setup(const char* name) {
  for (const Setup& setup : kSetups)
    if (strcmp(setup.name, name) == 0) return &setup;
  return nullptr;
}

}  // namespace misuse
