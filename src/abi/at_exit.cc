#include "abi/at_exit.h"

#include <fcntl.h>
#include <unistd.h>

#include "abi/build_info.h"
#include "abi/report.h"
#include "abi/roots.h"
#include "core/walk.h"

namespace hak {
namespace {

/// Text that is written out whenever it is nearly full.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}
  ~Output() { flush(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  Text& line() {
    if (text_.size() > kBytes - kLongestLine) flush();
    return text_;
  }
  void flush() {
    write_all(fd_, text_.data(), text_.size());
    text_.clear();
  }

 private:
  static constexpr std::size_t kBytes = 8192;
  static constexpr std::size_t kLongestLine = 1024;
  int fd_;
  TextBuffer<kBytes> text_;
};

/// Live blocks and bytes of a stack. Indexed by the stack's id.
struct Site {
  u64 blocks, bytes;
};

struct Tally {
  const HeapCore& heap;
  const Tracker& tracker;
  Tracker::Tables tables;
  const Reach* reach;  ///< what it has reached does not count
  Site* sites;
  Site total;
};

void count_block(void* block, std::size_t usable, void* context) {
  Tally& tally = *static_cast<Tally*>(context);
  if (tally.reach && !tally.reach->lost(block)) return;
  const std::size_t bytes = asked_bytes(tally.heap, block, usable);
  const Record* record = tally.tracker.find(tally.heap, block);
  const u32 stack = record && record->live ? record->alloc_stack : 0;
  // A thread that goes on may have made a stack since the tables were asked for.
  Site& site = tally.sites[stack < tally.tables.frames_used ? stack : 0];
  ++site.blocks;
  site.bytes += bytes;
  ++tally.total.blocks;
  tally.total.bytes += bytes;
}

void append_counts(Text& out, const Site& site) {
  out.dec(site.blocks).str(": ").dec(site.bytes).str(" [").dec(site.blocks).str(": ").dec(site.bytes);
  out.str("] @");
}

void copy_maps(int fd) {
  const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps < 0) return;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(maps, buffer, sizeof buffer)) > 0;)
    write_all(fd, buffer, static_cast<std::size_t>(got));
  close(maps);
}

/// The descriptor a target names, opened if it is a path; -1 if it cannot be.
int open_target(const char* target, bool* close_it) {
  *close_it = !(target[0] == 'f' && target[1] == 'd' && target[2] == ':');
  if (*close_it) return open(target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  int fd = 0;
  for (const char* c = target + 3; *c; ++c) fd = fd * 10 + (*c - '0');
  return fd;
}

template <typename Write>
HAK_NOINLINE void write_to_target(HeapCore& heap, Target which, Write&& write) {
  const char* target = heap.options.target(which);
  if (!*target) return;
  bool close_it = false;
  const int fd = open_target(target, &close_it);
  if (fd < 0) {
    TextBuffer<Options::kMaxTarget + 64> line;
    line.str("hakmem: cannot write ").str(target).line();
    write_all(STDERR_FILENO, line.data(), line.size());
    return;
  }
  write(fd);
  if (close_it) close(fd);
}

/// The live blocks, or those of them that `reach` has not reached.
bool write_sites(HeapCore& heap, int fd, const Reach* reach) {
  if (!heap.ready || !heap.tracker) return false;
  Tally tally = {heap, *heap.tracker, heap.tracker->tables(), reach, nullptr, {}};
  if (!tally.tables.frames) return false;
  const Os& os = heap.arena.os();
  const std::size_t bytes = round_up(std::size_t{tally.tables.frames_used} * sizeof(Site), kPageBytes);
  tally.sites = static_cast<Site*>(os.reserve(0, bytes));
  if (!tally.sites) return false;
  const bool room = os.commit(tally.sites, bytes);
  if (room) {
    walk_live(heap, count_block, &tally);
    Output out(fd);
    append_counts(out.line().str("heap profile: "), tally.total);
    out.line().str(" heapprofile\n");
    for (u32 id = 0; id < tally.tables.frames_used; ++id) {
      if (!tally.sites[id].blocks) continue;
      Text& line = out.line();
      append_counts(line, tally.sites[id]);
      const auto depth = id ? address_of(tally.tables.frames[id]) : 0;
      for (std::uintptr_t i = 1; i <= depth && i <= kMaxFrames; ++i)
        line.chr(' ').ptr(tally.tables.frames[id + i]);
      line.line();
    }
    out.line().str("\nMAPPED_LIBRARIES:\n");
    out.flush();
    copy_maps(fd);
  }
  os.release(tally.sites, bytes);
  return room;
}

void write_leaks(HeapCore& heap, int fd, const void* stack) {
  Reach reach(heap);
  bool stopped = false;
  const char* why = mark_reachable(heap, stack, &reach, &stopped);
  if (!why && !write_sites(heap, fd, &reach)) why = "no memory for records";
  TextBuffer<256> line;
  if (why) {
    line.str("hakmem: what is lost is not known: ").str(why).line();
  } else if (!stopped) {
    line.str("hakmem: threads could not be stopped: what only their registers hold counts as lost\n");
  }
  write_all(fd, line.data(), line.size());
}

/// Just below the caller's frame.
HAK_NOINLINE const void* stack_here() { return __builtin_frame_address(0); }

}  // namespace

void write_at_exit(HeapCore& heap) {
  if (!heap.ready) return;
  // What registers hold of the program's goes to this frame, and nothing of ours lies from it on: the frames
  // of what is called from here have old words of the program's in them.
  __builtin_unwind_init();
  const void* stack = stack_here();
  write_to_target(heap, Target::kStatsFile, [&](int fd) { write_stats_line(heap, fd); });
  write_to_target(heap, Target::kHeapProfile, [&](int fd) { write_heap_profile(heap, fd); });
  write_to_target(heap, Target::kLeaks, [&](int fd) { write_leaks(heap, fd, stack); });
}

bool write_heap_profile(HeapCore& heap, int fd) { return write_sites(heap, fd, nullptr); }

void write_stats_line(HeapCore& heap, int fd) {
  HeapStats stats;
  collect_stats(heap, &stats);
  TextBuffer<1024> out;
  const auto field = [&](const char* name, u64 value) { out.str(",\"").str(name).str("\":").dec(value); };
  out.str("{\"process\":").dec(process_id());
  field("live_blocks", stats.live_blocks);
  field("live_bytes", stats.live_bytes);
  field("cached_blocks", stats.cached_blocks);
  field("remote_blocks", stats.remote_blocks);
  field("slab_free_blocks", stats.slab_free_blocks);
  field("slab_bytes", stats.arena.slab_bytes);
  field("large_bytes", stats.arena.large_bytes);
  field("free_dirty_bytes", stats.arena.free_dirty_bytes);
  field("free_clean_bytes", stats.arena.free_clean_bytes);
  field("committed_bytes", stats.arena.committed_bytes);
  field("reserved_bytes", stats.arena.reserved_bytes);
  field("threads", stats.threads);
  field("mallocs", stats.counters.mallocs);
  field("frees", stats.counters.frees);
  field("refills", stats.counters.refills);
  field("flushes", stats.counters.flushes);
  field("exchanges", stats.counters.exchanges);
  field("remote_frees", stats.counters.remote_frees);
  field("purge_calls", stats.arena.purge_calls);
  out.str("}\n");
  write_all(fd, out.data(), out.size());
}

}  // namespace hak
