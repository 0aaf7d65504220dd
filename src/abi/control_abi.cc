// mallopt, mallinfo and their family, and the functions of hakmem.h.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/at_exit.h"
#include "abi/process.h"
#include "abi/report.h"
#include "abi/trace.h"
#include "core/walk.h"
#include "hakmem.h"

using namespace hak;

namespace {

HeapStats current_stats() {
  process_start();
  HeapStats stats;
  collect_stats(g_heap, &stats);
  return stats;
}

bool find_option(const char* name, OptionId* id) {
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    if (strcmp(option_info(static_cast<OptionId>(i)).name, name) != 0) continue;
    *id = static_cast<OptionId>(i);
    return true;
  }
  return false;
}

template <typename Value>
void fill_mallinfo(const HeapStats& stats, Value* out) {
  using Field = decltype(out->arena);
  const auto as = [](std::size_t value) { return static_cast<Field>(value); };
  const std::size_t slack = stats.arena.slab_bytes + stats.arena.large_bytes > stats.live_bytes
                                ? stats.arena.slab_bytes + stats.arena.large_bytes - stats.live_bytes
                                : 0;
  out->arena = as(stats.arena.slab_bytes + stats.arena.free_dirty_bytes);
  out->ordblks = as(stats.slab_free_blocks + stats.cached_blocks);
  out->hblks = as(stats.arena.large_count);
  out->hblkhd = as(stats.arena.large_bytes);
  out->uordblks = as(stats.live_bytes);
  out->fordblks = as(slack);
  out->keepcost = as(stats.arena.free_dirty_bytes);
}

void copy_stats(const HeapStats& from, hakmem_stats* to) {
  to->reserved_bytes = from.arena.reserved_bytes;
  to->committed_bytes = from.arena.committed_bytes;
  to->slab_bytes = from.arena.slab_bytes;
  to->large_bytes = from.arena.large_bytes;
  to->free_dirty_bytes = from.arena.free_dirty_bytes;
  to->free_clean_bytes = from.arena.free_clean_bytes;
  to->live_blocks = from.live_blocks;
  to->live_bytes = from.live_bytes;
  to->cached_blocks = from.cached_blocks;
  to->remote_blocks = from.remote_blocks;
  to->slab_free_blocks = from.slab_free_blocks;
  to->threads = from.threads;
  to->mallocs = from.counters.mallocs;
  to->frees = from.counters.frees;
  to->refills = from.counters.refills;
  to->flushes = from.counters.flushes;
  to->exchanges = from.counters.exchanges;
  to->remote_frees = from.counters.remote_frees;
  to->purge_calls = from.arena.purge_calls;
}

void append_stats_text(Text& out) {
  const HeapStats stats = current_stats();
  out.str(build_info()).line();
  out.str("live blocks       ").dec(stats.live_blocks).str(", ").dec(stats.live_bytes).str(" bytes\n");
  out.str("cached slots      ").dec(stats.cached_blocks).line();
  out.str("remote slots      ").dec(stats.remote_blocks).line();
  out.str("free slots        ").dec(stats.slab_free_blocks).line();
  out.str("slab bytes        ").dec(stats.arena.slab_bytes).line();
  out.str("large bytes       ").dec(stats.arena.large_bytes).line();
  out.str("free dirty bytes  ").dec(stats.arena.free_dirty_bytes).line();
  out.str("free clean bytes  ").dec(stats.arena.free_clean_bytes).line();
  out.str("threads           ").dec(stats.threads).line();
}

}  // namespace

extern "C" {

HAK_EXPORT int malloc_trim(std::size_t) {
  process_start();
  trace_purge();
  return !process_is_libc() && g_heap.ready && g_heap.purge(process_cache()) ? 1 : 0;
}

/// Accepts what tunes glibc's own internals, since programs set it without looking; refuses what it
/// does not know. M_PERTURB and M_CHECK_ACTION have no meaning here.
HAK_EXPORT int mallopt(int param, int value) {
  switch (param) {
    case M_MXFAST: return value >= 0 && value <= 160 ? 1 : 0;
    case M_TRIM_THRESHOLD:
    case M_TOP_PAD:
    case M_MMAP_THRESHOLD:
    case M_MMAP_MAX:
    case M_CHECK_ACTION:
    case M_PERTURB:
    case M_ARENA_TEST:
    case M_ARENA_MAX: return 1;
    default: return 0;
  }
}

HAK_EXPORT struct mallinfo mallinfo() {
  struct mallinfo info = {};
  fill_mallinfo(current_stats(), &info);
  return info;
}

HAK_EXPORT struct mallinfo2 mallinfo2() {
  struct mallinfo2 info = {};
  fill_mallinfo(current_stats(), &info);
  return info;
}

HAK_EXPORT int malloc_info(int options, FILE* stream) {
  if (options != 0) {
    errno = EINVAL;
    return -1;
  }
  const HeapStats stats = current_stats();
  TextBuffer<2048> out;
  out.str("<malloc version=\"hakmem-1\">\n<heap nr=\"0\">\n");
  out.str("<total type=\"live\" count=\"").dec(stats.live_blocks).str("\" size=\"");
  out.dec(stats.live_bytes).str("\"/>\n");
  out.str("<total type=\"cached\" count=\"").dec(stats.cached_blocks).str("\"/>\n");
  out.str("<total type=\"remote\" count=\"").dec(stats.remote_blocks).str("\"/>\n");
  out.str("<total type=\"free\" count=\"").dec(stats.slab_free_blocks).str("\"/>\n");
  out.str("<total type=\"large\" count=\"").dec(stats.arena.large_count).str("\" size=\"");
  out.dec(stats.arena.large_bytes).str("\"/>\n</heap>\n");
  out.str("<system type=\"current\" size=\"").dec(stats.arena.committed_bytes).str("\"/>\n");
  out.str("<aspace type=\"total\" size=\"").dec(stats.arena.reserved_bytes).str("\"/>\n</malloc>\n");
  return fwrite(out.data(), 1, out.size(), stream) == out.size() ? 0 : -1;
}

HAK_EXPORT void malloc_stats() {
  TextBuffer<2048> out;
  append_stats_text(out);
  write_all(STDERR_FILENO, out.data(), out.size());
}

HAK_EXPORT const char* hakmem_build_info() { return build_info(); }

HAK_EXPORT int hakmem_option_get(const char* name, char* buffer, std::size_t size) {
  OptionId id;
  if (!name || !find_option(name, &id)) return EINVAL;
  process_start();
  Text out(buffer, size ? size - 1 : 0);
  format_option(id, g_heap.options.get(id), out);
  if (size == 0 || out.truncated()) return ERANGE;
  buffer[out.size()] = 0;
  return 0;
}

HAK_EXPORT int hakmem_option_set(const char* name, const char* text) {
  OptionId id;
  u64 value = 0;
  if (!name || !text || !find_option(name, &id) || !parse_option(id, text, &value)) return EINVAL;
  if (option_info(id).change != OptionChange::kRun) return EPERM;
  process_start();
  process_set_option(id, value);
  return 0;
}

HAK_EXPORT void hakmem_option_each(void (*visit)(const char*, const char*, const char*, const char*, void*),
                                   void* context) {
  process_start();
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    const auto id = static_cast<OptionId>(i);
    TextBuffer<64> value;
    TextBuffer<128> accepted;
    format_option(id, g_heap.options.get(id), value);
    describe_accepted(id, accepted);
    value.chr('\0');
    accepted.chr('\0');
    visit(option_info(id).name, value.data(), accepted.data(), option_info(id).doc, context);
  }
}

HAK_EXPORT void hakmem_stats_get(struct hakmem_stats* out) { copy_stats(current_stats(), out); }

HAK_EXPORT void hakmem_walk(void (*visit)(void*, std::size_t, void*), void* context) {
  process_start();
  walk_live(g_heap, visit, context);
}

HAK_EXPORT const char* hakmem_verify() {
  process_start();
  return g_heap.verify();
}

HAK_EXPORT int hakmem_heap_profile(int fd) {
  process_start();
  return write_heap_profile(g_heap, fd) ? 0 : ENOTSUP;
}

HAK_EXPORT int hakmem_purge() { return malloc_trim(0); }

}  // extern "C"
