// The C functions. Every size and alignment goes through `opaque`.
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include <set>
#include <vector>

#include "abi_test.h"

extern "C" {
void free_sized(void* p, size_t bytes);
void free_aligned_sized(void* p, size_t alignment, size_t bytes);
void cfree(void* p);
}

namespace {

constexpr std::size_t kMax = PTRDIFF_MAX;

bool zero(const void* p, std::size_t bytes) {
  const auto* at = static_cast<const unsigned char*>(p);
  for (std::size_t i = 0; i < bytes; ++i)
    if (at[i]) return false;
  return true;
}

TEST(AbiC, TheLibraryIsInForce) {
  EXPECT_EQ(std::string(hakmem_build_info()).rfind("hakmem 0.", 0), 0U) << hakmem_build_info();
  void* p = malloc(opaque(100UL));
  hakmem_stats stats;
  hakmem_stats_get(&stats);
  EXPECT_GT(stats.live_blocks, 0U);
  free(p);
}

TEST(AbiC, MallocOfZeroIsUniqueAndFreeable) {
  std::set<void*> seen;
  for (int i = 0; i < 100; ++i) {
    void* p = malloc(opaque(0UL));
    ASSERT_NE(p, nullptr);
    ASSERT_TRUE(seen.insert(p).second);
  }
  for (void* p : seen) free(p);
  void* c = calloc(opaque(0UL), opaque(5UL));
  void* r = realloc(nullptr, opaque(0UL));
  EXPECT_NE(c, nullptr);
  EXPECT_NE(r, nullptr);
  free(c);
  free(r);
}

TEST(AbiC, EveryFunctionAlignsTo16) {
  for (std::size_t bytes = 0; bytes < 3000; bytes += 7) {
    void* blocks[] = {malloc(bytes), calloc(1, bytes), realloc(nullptr, bytes),
                      reallocarray(nullptr, 1, bytes), aligned_alloc(1, bytes), memalign(opaque(0UL), bytes)};
    for (void* p : blocks) {
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(p) % 16, 0U);
      memset(p, 1, bytes);
      free(p);
    }
  }
}

TEST(AbiC, MoreThanPtrdiffMaxFailsWithEnomemEverywhere) {
  for (std::size_t bytes : {kMax + 1, kMax + 4096, ~std::size_t{0} - 15, ~std::size_t{0}}) {
    const auto expect_none = [&](void* p, const char* what) {
      EXPECT_EQ(p, nullptr) << what << " " << bytes;
      EXPECT_EQ(errno, ENOMEM) << what << " " << bytes;
      errno = 0;
    };
    errno = 0;
    expect_none(malloc(opaque(bytes)), "malloc");
    expect_none(calloc(1, opaque(bytes)), "calloc");
    expect_none(realloc(nullptr, opaque(bytes)), "realloc");
    expect_none(aligned_alloc(64, opaque(bytes)), "aligned_alloc");
    expect_none(memalign(64, opaque(bytes)), "memalign");
    expect_none(valloc(opaque(bytes)), "valloc");
    expect_none(pvalloc(opaque(bytes)), "pvalloc");
    void* out = &out;
    EXPECT_EQ(posix_memalign(&out, 64, opaque(bytes)), ENOMEM);
    EXPECT_EQ(out, &out);
    EXPECT_EQ(errno, 0) << "posix_memalign returns the error";
  }
}

TEST(AbiC, PtrdiffMaxItselfIsOnlyTooLarge) {
  errno = 0;
  EXPECT_EQ(malloc(opaque(kMax)), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(pvalloc(opaque(kMax)), nullptr) << "rounding up must not wrap";
  EXPECT_EQ(errno, ENOMEM);
}

TEST(AbiC, CallocZeroesAndRefusesOverflow) {
  for (std::size_t bytes : {1UL, 100UL, 5000UL, 50000UL, 5000000UL}) {
    for (int round = 0; round < 3; ++round) {
      void* p = calloc(opaque(1UL), bytes);
      ASSERT_TRUE(zero(p, bytes));
      memset(p, 0xff, bytes);
      free(p);
    }
  }
  for (auto [count, size] : {std::pair{~0UL, 2UL}, {2UL, ~0UL}, {1UL << 32, 1UL << 32},
                             {(1UL << 63) + 1, 2UL}, {~0UL, ~0UL}}) {
    errno = 0;
    EXPECT_EQ(calloc(opaque(count), opaque(size)), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
    EXPECT_EQ(reallocarray(nullptr, opaque(count), opaque(size)), nullptr);
    EXPECT_EQ(errno, ENOMEM);
  }
}

TEST(AbiC, ReallocRules) {
  char* p = static_cast<char*>(malloc(20));
  memset(p, 'a', 20);
  p = static_cast<char*>(realloc(p, opaque(100000UL)));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(p[i], 'a');
  p = static_cast<char*>(realloc(p, opaque(10UL)));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(p[i], 'a');
  errno = 0;
  EXPECT_EQ(realloc(opaque(p), opaque(kMax + 1)), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(reallocarray(opaque(p), opaque(~0UL), opaque(2UL)), nullptr);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(p[i], 'a') << "a failed realloc leaves the block";
  hakmem_stats before, after;
  hakmem_stats_get(&before);
  EXPECT_EQ(realloc(opaque(p), opaque(0UL)), nullptr) << "as glibc: freed";
  hakmem_stats_get(&after);
  EXPECT_EQ(after.live_blocks, before.live_blocks - 1);
  EXPECT_WHOLE();
}

TEST(AbiC, PosixMemalignRules) {
  void* const kUntouched = reinterpret_cast<void*>(std::uintptr_t{0x55});
  for (std::size_t bad : {0UL, 1UL, 2UL, 4UL, 7UL, 12UL, 24UL, 100UL, (1UL << 62) + 8, ~0UL}) {
    void* out = kUntouched;
    errno = 4711;
    EXPECT_EQ(posix_memalign(&out, opaque(bad), 10), EINVAL) << bad;
    EXPECT_EQ(out, kUntouched) << bad;
    EXPECT_EQ(errno, 4711);
  }
  for (std::size_t alignment = 8; alignment <= 1 << 21; alignment *= 2) {
    for (std::size_t bytes : {0UL, 1UL, 100UL, 5000UL, 100000UL}) {
      void* out = kUntouched;
      ASSERT_EQ(posix_memalign(&out, alignment, bytes), 0);
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(out) % alignment, 0U);
      memset(out, 1, bytes);
      free(out);
    }
  }
  void* out = kUntouched;
  EXPECT_EQ(posix_memalign(&out, 1UL << 62, 10), ENOMEM) << "valid, but not to be had";
  EXPECT_EQ(out, kUntouched);
}

TEST(AbiC, AlignedAllocAndMemalignRules) {
  for (std::size_t bad : {0UL, 3UL, 24UL, ~0UL}) {
    errno = 0;
    EXPECT_EQ(aligned_alloc(opaque(bad), 64), nullptr) << bad;
    EXPECT_EQ(errno, EINVAL) << bad;
  }
  for (std::size_t huge : {1UL << 62, 1UL << 63}) {
    errno = 0;
    EXPECT_EQ(aligned_alloc(opaque(huge), 64), nullptr);
    EXPECT_NE(errno, 0);
    errno = 0;
    EXPECT_EQ(memalign(opaque(huge), 64), nullptr);
    EXPECT_NE(errno, 0);
  }
  errno = 0;
  EXPECT_EQ(memalign(opaque((1UL << 63) + 1), 64), nullptr);
  EXPECT_EQ(errno, EINVAL);
  // memalign rounds an odd alignment up to a power of two, as glibc does.
  for (std::size_t odd : {0UL, 1UL, 3UL, 17UL, 24UL, 33UL, 100UL, 5000UL, 70000UL}) {
    std::size_t power = 16;
    while (power < odd) power *= 2;
    void* p = memalign(opaque(odd), 10);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % power, 0U) << odd;
    free(p);
  }
}

TEST(AbiC, VallocAndPvalloc) {
  for (std::size_t bytes : {0UL, 1UL, 4095UL, 4096UL, 4097UL, 100000UL}) {
    void* v = valloc(opaque(bytes));
    void* p = pvalloc(opaque(bytes));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(v) % 4096, 0U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 4096, 0U);
    EXPECT_GE(malloc_usable_size(p), bytes ? (bytes + 4095) / 4096 * 4096 : 4096);
    memset(p, 1, malloc_usable_size(p));
    free(v);
    free(p);
  }
}

TEST(AbiC, UsableSizeIsWritableToTheLastByte) {
  EXPECT_EQ(malloc_usable_size(nullptr), 0U);
  std::vector<std::pair<unsigned char*, std::size_t>> blocks;
  for (std::size_t bytes = 0; bytes < 80000; bytes += bytes < 2000 ? 1 : 997) {
    auto* p = static_cast<unsigned char*>(malloc(bytes));
    const std::size_t usable = malloc_usable_size(p);
    ASSERT_GE(usable, bytes);
    if (is_debug()) {
      ASSERT_EQ(usable, bytes);
    }
    memset(p, static_cast<int>(bytes & 0xff), usable);
    blocks.emplace_back(p, usable);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (std::size_t k = 0; k < blocks[i].second; ++k)
      ASSERT_EQ(blocks[i].first[k], blocks[i].first[0]) << "blocks overlap";
  for (auto [p, usable] : blocks) free(p);
  EXPECT_WHOLE();
}

TEST(AbiC, FreeKeepsErrno) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < 3000; ++i) blocks.push_back(malloc(i * 20));
  for (std::size_t i = 0; i < 20; ++i) blocks.push_back(malloc(3000000));
  for (void* p : blocks) {
    errno = 4711;
    free(p);
    ASSERT_EQ(errno, 4711);
  }
  free(nullptr);
  EXPECT_EQ(errno, 4711);
  malloc_trim(0);
}

TEST(AbiC, SuccessKeepsErrno) {
  errno = 4711;
  for (std::size_t bytes : {0UL, 100UL, 40000UL, 4000000UL}) {
    void* p = malloc(bytes);
    p = realloc(p, bytes + 100000);
    free(p);
    free(calloc(3, bytes));
    free(memalign(4096, bytes));
  }
  EXPECT_EQ(errno, 4711);
}

TEST(AbiC, SizedFrees) {
  for (std::size_t bytes : {0UL, 1UL, 100UL, 1024UL, 40000UL, 1000000UL}) {
    free_sized(malloc(bytes), bytes);
    free_sized(calloc(1, bytes), bytes);
    free_aligned_sized(aligned_alloc(256, bytes), 256, bytes);
    free_aligned_sized(aligned_alloc(8192, bytes), 8192, bytes);
  }
  free_sized(nullptr, 10);
  free_aligned_sized(nullptr, 16, 10);
  cfree(malloc(10));
  EXPECT_WHOLE();
}

}  // namespace
