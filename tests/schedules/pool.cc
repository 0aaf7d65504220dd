#include "pool.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

namespace hak::schedule {
namespace {

/// A gigabyte lies between the two tables of the page map; nothing of it is touched.
constexpr std::size_t kPoolBytes = std::size_t{3} << 30;
std::byte* g_begin = nullptr;
std::size_t g_used = 0;
std::size_t g_used_before = 0;
void (*g_stray)() = nullptr;

struct Page {
  std::byte* at;
  std::byte before[kPageBytes];
};
std::vector<Page> g_pages;            // written since the pool was cleared, with what restore brings back
std::vector<std::size_t> g_written;   // of these, the ones that runs write

/// Called by the signal handler, on the first write to a page. Nothing else runs meanwhile.
void note_write(std::byte* page) {
  mprotect(page, kPageBytes, PROT_READ | PROT_WRITE);
  std::size_t index = 0;
  while (index < g_pages.size() && g_pages[index].at != page) ++index;
  if (index == g_pages.size()) {
    g_pages.push_back({page, {}});
    memcpy(g_pages[index].before, page, kPageBytes);
  }
  g_written.push_back(index);
}

void on_fault(int, siginfo_t* info, void*) {
  const std::uintptr_t at = address_of(info->si_addr);
  if (at - address_of(g_begin) >= kPoolBytes) {
    if (g_stray) g_stray();
    signal(SIGSEGV, SIG_DFL);
    return;
  }
  note_write(g_begin + (at - address_of(g_begin)) / kPageBytes * kPageBytes);
}

void* reserve(std::uintptr_t hint, std::size_t bytes) { return hint ? nullptr : Pool::take(bytes); }
bool yes(void*, std::size_t) { return true; }
bool no_move(void*, void*, std::size_t) { return false; }
void nothing(void*, std::size_t) {}
bool light_guards() { return true; }
std::size_t address_limit() { return ~std::size_t{0}; }
u64 now_ms() { return 1000; }
u64 entropy() { return 0x5eed; }

}  // namespace

const Os kPoolOs = {.reserve = reserve,
                    .commit = yes,
                    .purge = yes,
                    .guard = yes,
                    .unguard = yes,
                    .move = no_move,
                    .release = nothing,
                    .sparse = nothing,
                    .light_guards = light_guards,
                    .address_limit = address_limit,
                    .now_ms = now_ms,
                    .entropy = entropy};

void Pool::open(void (*stray)()) {
  g_stray = stray;
  void* at = mmap(nullptr, kPoolBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    std::fputs("schedules: no address space for the heap under exploration\n", stderr);
    std::exit(1);
  }
  g_begin = static_cast<std::byte*>(at);
  g_pages.reserve(4096);
  g_written.reserve(4096);
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
}

void* Pool::take(std::size_t bytes) {
  const std::size_t at = g_used;
  g_used += round_up(bytes, kUnitBytes);
  if (g_used > kPoolBytes) return nullptr;
  return g_begin + at;
}

void Pool::snapshot() {
  for (Page& page : g_pages) {
    memcpy(page.before, page.at, kPageBytes);
    mprotect(page.at, kPageBytes, PROT_READ);
  }
  g_written.clear();
  g_used_before = g_used;
}

void Pool::restore() {
  g_used = g_used_before;
  for (const std::size_t index : g_written) memcpy(g_pages[index].at, g_pages[index].before, kPageBytes);
}

void Pool::clear() {
  mmap(g_begin, kPoolBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  g_pages.clear();
  g_written.clear();
  g_used = 0;
}

std::size_t Pool::touched_pages() { return g_written.size(); }

}  // namespace hak::schedule
