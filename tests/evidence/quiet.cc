// Reports allocate nothing: every fault that a Release build reports, many times over, in a process that
// goes on after a report (HAKMEM_ON_FAULT=continue) and counts every operation (HAKMEM_STATS=every). No
// report may change the number of allocations or of live blocks. The last line is
// "N reports, M of them allocated".
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hakmem.h"

extern "C" void free_sized(void*, size_t);
extern "C" void free_aligned_sized(void*, size_t, size_t);

namespace {

constexpr int kRounds = 200;
unsigned long g_reports = 0, g_allocated = 0;

struct Counts {
  uint64_t mallocs;
  size_t live;
};
Counts counts() {
  hakmem_stats stats;
  hakmem_stats_get(&stats);
  return {stats.mallocs, stats.live_blocks};
}

/// Runs what is reported, once, and compares.
template <typename Misuse>
void report(const char* what, Misuse misuse) {
  const Counts before = counts();
  misuse();
  const Counts after = counts();
  ++g_reports;
  if (after.mallocs == before.mallocs && after.live == before.live) return;
  if (g_allocated++ == 0)
    printf("%s: %llu allocations, %lld more live blocks\n", what,
           static_cast<unsigned long long>(after.mallocs - before.mallocs),
           static_cast<long long>(after.live) - static_cast<long long>(before.live));
}

void wrong_pointers(char* block, char* large) {
  char on_stack[64] = {};
  report("interior", [&] { free(block + 16); });
  report("interior of a large block", [&] { free(large + 4096); });
  report("misaligned", [&] { free(block + 1); });
  report("foreign", [&] { free(on_stack + 16 - reinterpret_cast<uintptr_t>(on_stack) % 16); });
  report("usable size", [&] { (void)malloc_usable_size(block + 32); });
  report("realloc", [&] { [[maybe_unused]] void* moved = realloc(block + 48, 10); });
  report("size mismatch", [&] { free_sized(block, 3000); });
  report("alignment mismatch", [&] { free_aligned_sized(large, 300000, 1 << 22); });
}

void damage(char* block) {
  const size_t room = malloc_usable_size(block);
  block[-1] ^= 1;
  report("corrupt header", [&] { free(block); });
  block[-1] ^= 1;
  block[room] ^= 1;
  report("overflow", [&] { free(block); });
  block[room] ^= 1;
}

void stale(char* block, char* large) {
  free(block);
  report("double free", [&] { free(block); });
  report("realloc of a freed block", [&] { [[maybe_unused]] void* moved = realloc(block, 100); });
  free(large);
  report("double free of a large block", [&] { free(large); });
}

}  // namespace

int main() {
  // stdio's buffer is there before anything is counted.
  printf("%s\n", hakmem_build_info());
  for (int i = 0; i < kRounds; ++i) {
    auto* block = static_cast<char*>(malloc(static_cast<size_t>(90 + i)));
    auto* large = static_cast<char*>(malloc(300000));
    memset(block, 1, 90);
    wrong_pointers(block, large);
    damage(block);
    stale(block, large);
  }
  printf("%lu reports, %lu of them allocated\n", g_reports, g_allocated);
  return g_allocated || !g_reports ? 1 : 0;
}
