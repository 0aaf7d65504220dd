#include "system/sim_os.h"

#include <string.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

namespace hak::props {
namespace {

/// Address space of the simulated machine. The word table lies 1 GiB below the states, the tracker's
/// records are twice the arena.
constexpr std::size_t kPoolBytes = std::size_t{4} << 30;
constexpr std::size_t kWatchedPages = 32 * 1024;
/// What is zeroed again is followed in pieces smaller than a page: a script writes little of most pages.
constexpr std::size_t kPieceBytes = 512;
constexpr std::size_t kPiecesPerPage = kPageBytes / kPieceBytes;

enum class Page : u8 { kReserved, kCommitted, kGuarded };

struct State {
  std::byte* pool = nullptr;
  std::size_t used = 0;
  std::size_t high_water = 0;
  u64 now_ms = 1000;
  u64 countdown[static_cast<unsigned>(OsCall::kCount)] = {};
  u32 failures = 0;
  bool light_guards = true;
  std::uintptr_t watched = 0;
  std::size_t watched_pages = 0;
  std::size_t touched_pages = 0;
  void (*closing)(const void*) = nullptr;
  void (*unguarded)(const void*) = nullptr;
  Page pages[kWatchedPages] = {};
  u64 dirty[kWatchedPages * kPiecesPerPage / 64] = {};
};
State g_sim;

std::byte* pool() {
  if (!g_sim.pool) {
    void* at = mmap(nullptr, kPoolBytes + kUnitBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
      std::perror("props: no address space for the simulated machine");
      std::exit(2);
    }
    madvise(at, kPoolBytes + kUnitBytes, MADV_NOHUGEPAGE);
    // The byte in front of the first unit is there to be forged too.
    g_sim.pool = reinterpret_cast<std::byte*>(round_up(address_of(at) + kPageBytes, kUnitBytes));
  }
  return g_sim.pool;
}

bool fails(OsCall call) {
  u64& countdown = g_sim.countdown[static_cast<unsigned>(call)];
  if (countdown == 0 || --countdown != 0) return false;
  ++g_sim.failures;
  return true;
}

void mark(const void* at, std::size_t bytes, Page from_or_any, Page to) {
  const std::uintptr_t begin = address_of(at);
  if (begin < g_sim.watched || begin >= g_sim.watched + g_sim.watched_pages * kPageBytes) return;
  const std::size_t first = (begin - g_sim.watched) / kPageBytes;
  const std::size_t count = bytes / kPageBytes;
  for (std::size_t i = first; i < first + count && i < g_sim.watched_pages; ++i) {
    // Committing what is committed already must not lift a guard.
    if (from_or_any == Page::kReserved && g_sim.pages[i] != Page::kReserved) continue;
    g_sim.pages[i] = to;
  }
  if (first + count > g_sim.touched_pages) g_sim.touched_pages = first + count;
}

void* sim_reserve(std::uintptr_t hint, std::size_t bytes) {
  if (hint || fails(OsCall::kReserve)) return nullptr;
  const std::size_t length = round_up(bytes, kUnitBytes);
  if (length > kPoolBytes - g_sim.used) return nullptr;
  std::byte* at = pool() + g_sim.used;
  g_sim.used += length;
  if (g_sim.used > g_sim.high_water) g_sim.high_water = g_sim.used;
  return at;
}

bool sim_commit(void* at, std::size_t bytes) {
  if (fails(OsCall::kCommit)) return false;
  mark(at, bytes, Page::kReserved, Page::kCommitted);
  return true;
}

bool sim_purge(void* at, std::size_t bytes) {
  if (fails(OsCall::kPurge)) return false;
  if (!g_sim.closing) SimOs::touch(at, bytes);
  SimOs::wipe(at, bytes);
  return true;
}

bool sim_guard(void* at, std::size_t bytes) {
  if (fails(OsCall::kGuard)) {
    if (g_sim.closing) g_sim.unguarded(at);  // what has no guard closes unseen
    return false;
  }
  mark(at, bytes, Page::kGuarded, Page::kGuarded);
  return true;
}

bool sim_unguard(void* at, std::size_t bytes) {
  if (g_sim.closing) g_sim.closing(at);
  if (fails(OsCall::kUnguard)) return false;
  mark(at, bytes, Page::kGuarded, Page::kCommitted);
  return true;
}

bool sim_move(void* from, void* to, std::size_t bytes) {
  if (fails(OsCall::kMove)) return false;
  memcpy(to, from, bytes);
  SimOs::touch(to, bytes);
  SimOs::wipe(from, bytes);
  return true;
}

void sim_release(void*, std::size_t) {}
void sim_sparse(void*, std::size_t) {}
bool sim_light_guards() { return g_sim.light_guards; }
u64 sim_now_ms() { return g_sim.now_ms; }
u64 sim_entropy() { return 0x5eed5eed5eed5eedULL; }

std::size_t sim_address_limit() { return ~std::size_t{0}; }

constexpr Os kTable = {.reserve = sim_reserve,
                       .commit = sim_commit,
                       .purge = sim_purge,
                       .guard = sim_guard,
                       .unguard = sim_unguard,
                       .move = sim_move,
                       .release = sim_release,
                       .sparse = sim_sparse,
                       .light_guards = sim_light_guards,
                       .address_limit = sim_address_limit,
                       .now_ms = sim_now_ms,
                       .entropy = sim_entropy};

}  // namespace

const Os& SimOs::table() { return kTable; }

std::byte* SimOs::position() { return pool() + g_sim.used; }

void SimOs::rewind() {
  g_sim.used = 0;
  g_sim.now_ms = 1000;
  g_sim.failures = 0;
  memset(g_sim.countdown, 0, sizeof g_sim.countdown);
  memset(g_sim.pages, 0, g_sim.touched_pages);
  g_sim.watched_pages = g_sim.touched_pages = 0;
  g_sim.closing = nullptr;
}

void SimOs::watch(const void* base, std::size_t bytes, void (*closing)(const void*),
                  void (*unguarded)(const void*)) {
  g_sim.watched = address_of(base);
  g_sim.watched_pages = bytes / kPageBytes < kWatchedPages ? bytes / kPageBytes : kWatchedPages;
  g_sim.closing = closing;
  g_sim.unguarded = unguarded;
}

bool SimOs::exact() { return g_sim.closing != nullptr; }

void SimOs::touch(const void* at, std::size_t bytes) {
  const std::size_t pieces = g_sim.watched_pages * kPiecesPerPage;
  const std::size_t first = (address_of(at) - g_sim.watched) / kPieceBytes;
  const std::size_t last = (address_of(at) + (bytes ? bytes - 1 : 0) - g_sim.watched) / kPieceBytes;
  for (std::size_t piece = first; piece <= last && piece < pieces; ++piece)
    g_sim.dirty[piece / 64] |= u64{1} << (piece % 64);
}

void SimOs::wipe(const void* base, std::size_t bytes) {
  const std::size_t pieces = g_sim.watched_pages * kPiecesPerPage;
  const std::size_t first = (address_of(base) - g_sim.watched) / kPieceBytes;
  std::size_t end = first + bytes / kPieceBytes;
  if (end > pieces) end = pieces;
  for (std::size_t piece = first; piece < end;) {
    u64& word = g_sim.dirty[piece / 64];
    const u64 rest = word >> (piece % 64);
    if (rest == 0) {
      piece = (piece | 63) + 1;
      continue;
    }
    // One call for each run of pieces within the word.
    piece += static_cast<std::size_t>(__builtin_ctzll(rest));
    const u64 run = ~(word >> (piece % 64));
    std::size_t count = run ? static_cast<std::size_t>(__builtin_ctzll(run)) : 64;
    if (piece >= end) return;
    if (count > end - piece) count = end - piece;
    word &= ~((count == 64 ? ~u64{0} : (u64{1} << count) - 1) << (piece % 64));
    memset(reinterpret_cast<void*>(g_sim.watched + piece * kPieceBytes), 0, count * kPieceBytes);
    piece += count;
  }
}

void SimOs::set_light_guards(bool on) { g_sim.light_guards = on; }
void SimOs::fail(OsCall call, u64 nth) { g_sim.countdown[static_cast<unsigned>(call)] = nth; }

u32 SimOs::take_failures() {
  const u32 failures = g_sim.failures;
  g_sim.failures = 0;
  return failures;
}

void SimOs::tick(u64 ms) { g_sim.now_ms += ms; }

const char* SimOs::check_usable(const void* at, std::size_t bytes) {
  const std::size_t first = (address_of(at) - g_sim.watched) / kPageBytes;
  const std::size_t last = (address_of(at) + bytes - 1 - g_sim.watched) / kPageBytes;
  if (last >= g_sim.watched_pages) return "the block is outside of the arena";
  for (std::size_t i = first; i <= last; ++i) {
    if (g_sim.pages[i] == Page::kGuarded) return "a page of the block is under a guard";
    if (g_sim.pages[i] == Page::kReserved) return "a page of the block is not committed";
  }
  return nullptr;
}

bool SimOs::guarded(const void* at) {
  const std::size_t page = (address_of(at) - g_sim.watched) / kPageBytes;
  return page < g_sim.watched_pages && g_sim.pages[page] == Page::kGuarded;
}

void SimOs::wipe_all() {
  madvise(pool(), g_sim.high_water, MADV_DONTNEED);
  memset(g_sim.dirty, 0, sizeof g_sim.dirty);
}

const void* SimOs::first_residue() {
  static const std::byte kZeros[kPageBytes] = {};
  unsigned char resident[1024];
  for (std::size_t at = 0; at < g_sim.high_water; at += sizeof resident * kPageBytes) {
    if (mincore(pool() + at, sizeof resident * kPageBytes, resident) != 0) continue;
    for (std::size_t i = 0; i < sizeof resident; ++i) {
      std::byte* page = pool() + at + i * kPageBytes;
      if ((resident[i] & 1) && memcmp(page, kZeros, kPageBytes) != 0) return page;
    }
  }
  return nullptr;
}

}  // namespace hak::props
