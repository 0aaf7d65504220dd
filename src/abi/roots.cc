#include "abi/roots.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/published.h"
#include "core/walk.h"
#include "os/stopped.h"

namespace hak {
namespace {

constexpr std::size_t kWordBytes = sizeof(std::uintptr_t);
constexpr std::size_t kPieceBytes = std::size_t{2} << 20;
constexpr std::size_t kPiecePages = kPieceBytes / kPageBytes;

// Bits of an entry of /proc/self/pagemap. A private page that was written since it was mapped is anonymous,
// in memory or in swap; the others hold what is in their file, or zeros.
constexpr u64 kPresent = u64{1} << 63, kSwapped = u64{1} << 62, kOfFile = u64{1} << 61;
bool is_written(u64 page) { return (page & (kPresent | kSwapped)) && !(page & kOfFile); }

struct Range {
  std::uintptr_t from, to;
};

struct Mapping : Range {
  bool readable, writable, shared;
  const char* path;  ///< from the first slash on; empty if there is none
};

/// A line of /proc/self/maps.
Mapping parse(const char* line) {
  Mapping mapping = {};
  char* end = nullptr;
  mapping.from = strtoul(line, &end, 16);
  mapping.to = strtoul(end + 1, &end, 16);
  mapping.readable = end[1] == 'r';
  mapping.writable = end[2] == 'w';
  mapping.shared = end[4] == 's';
  const char* path = strchr(end, '/');
  mapping.path = path ? path : "";
  return mapping;
}

/// Reading the memory of a device may do something.
bool is_device(const char* path) {
  const auto begins = [path](const char* with) { return strncmp(path, with, strlen(with)) == 0; };
  return begins("/dev/") && !begins("/dev/shm/") && !begins("/dev/zero");
}

class Roots {
 public:
  Roots(const HeapCore& heap, Reach& reach, const StoppedThreads& others, const void* stack)
      : heap_(heap), reach_(reach), others_(others), stack_(round_up(address_of(stack), kWordBytes)) {}
  ~Roots() {
    for (const int fd : {maps_, memory_, pages_})
      if (fd >= 0) close(fd);
    if (own_) heap_.arena.os().release(own_, bytes_);
  }
  Roots(const Roots&) = delete;
  Roots& operator=(const Roots&) = delete;

  const char* open_all();
  void scan_mappings();
  void scan_block(const Reach::Block& block);

 private:
  /// What is read comes to lie here, in a mapping of its own.
  struct Own {
    u64 pages[kPiecePages];
    std::uintptr_t words[kPieceBytes / kWordBytes];
    char maps[8 * kPageBytes];  ///< a line is not longer: every byte of a path may take four
  };
  bool allocate();
  template <typename Visit>
  void each_hidden_range(Visit&& visit) const;
  void scan_mapping(const Mapping& mapping);
  void scan(std::uintptr_t from, std::uintptr_t to, bool written);
  void copy(std::uintptr_t from, std::uintptr_t to);

  const HeapCore& heap_;
  Reach& reach_;
  const StoppedThreads& others_;
  const std::uintptr_t stack_;
  int maps_ = -1, memory_ = -1, pages_ = -1;
  std::size_t bytes_ = 0;
  Own* own_ = nullptr;
  Range* hidden_ = nullptr;  ///< what is no root, in any order
  std::size_t hidden_count_ = 0;
};

/// Magazines, quarantines and tables name blocks, and some of their words look like it.
template <typename Visit>
void Roots::each_hidden_range(Visit&& visit) const {
  each_own_range(heap_, visit);
  reach_.each_range(visit);
  others_.each_range(visit);
  visit(&hakmem_layout, sizeof hakmem_layout);
  visit(own_, bytes_);
}

bool Roots::allocate() {
  std::size_t ranges = 0;
  each_hidden_range([&](const void*, std::size_t) { ++ranges; });
  bytes_ = round_up(sizeof(Own) + ranges * sizeof(Range), kPageBytes);
  own_ = static_cast<Own*>(heap_.arena.os().reserve(0, bytes_));
  if (!own_ || !heap_.arena.os().commit(own_, bytes_)) return false;
  hidden_ = reinterpret_cast<Range*>(own_ + 1);
  each_hidden_range([this](const void* at, std::size_t bytes) {
    hidden_[hidden_count_++] = {address_of(at), address_of(at) + bytes};
  });
  return true;
}

const char* Roots::open_all() {
  maps_ = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  memory_ = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (maps_ < 0 || memory_ < 0) return "/proc/self/maps or /proc/self/mem cannot be read";
  pages_ = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  return allocate() ? nullptr : "no memory to find out";
}

/// Gives the words of [from, to). What cannot be read is passed over by the page.
void Roots::copy(std::uintptr_t from, std::uintptr_t to) {
  while (from < to) {
    const ssize_t got = pread(memory_, own_->words, to - from, static_cast<off_t>(from));
    const std::size_t step = got > 0 ? static_cast<std::size_t>(got) : kPageBytes - from % kPageBytes;
    if (got > 0)
      for (std::size_t i = 0; i < step / kWordBytes; ++i) reach_.word(own_->words[i]);
    from += step;
  }
}

/// The same for any length, with `written` of pages that hold what the process wrote.
void Roots::scan(std::uintptr_t from, std::uintptr_t to, bool written) {
  while (from < to) {
    const std::uintptr_t next = (from / kPieceBytes + 1) * kPieceBytes;
    const std::uintptr_t end = next < to ? next : to;
    const std::uintptr_t first = from / kPageBytes;
    const std::size_t entry_bytes = ((end - 1) / kPageBytes + 1 - first) * sizeof(u64);
    const bool known = written && pread(pages_, own_->pages, entry_bytes, static_cast<off_t>(first * sizeof(u64))) ==
                                      static_cast<ssize_t>(entry_bytes);
    for (std::uintptr_t at = from, wanted = from; at < end; wanted = at) {
      const auto page_end = [&] { return end < (at / kPageBytes + 1) * kPageBytes ? end : (at / kPageBytes + 1) * kPageBytes; };
      while (at < end && (!known || is_written(own_->pages[at / kPageBytes - first]))) at = page_end();
      copy(wanted, at);
      if (at < end) at = page_end();
    }
    from = end;
  }
}

void Roots::scan_mapping(const Mapping& mapping) {
  // Without the page map what is writable is read whole.
  const bool written = !mapping.shared && pages_ >= 0;
  if (!mapping.readable || !(written || mapping.writable) || is_device(mapping.path)) return;
  std::uintptr_t from = mapping.from;
  if (stack_ >= from && stack_ < mapping.to) from = stack_;
  while (from < mapping.to) {
    // The kernel shows neighbours as one mapping: ours are cut out.
    Range hole = {mapping.to, mapping.to};
    for (std::size_t i = 0; i < hidden_count_; ++i)
      if (hidden_[i].to > from && hidden_[i].from < hole.from) hole = hidden_[i];
    if (hole.from > from) scan(from, hole.from, written);
    from = hole.to;
  }
}

void Roots::scan_mappings() {
  char* text = own_->maps;
  std::size_t have = 0;
  for (ssize_t got = 0; (got = read(maps_, text + have, sizeof own_->maps - have)) > 0;) {
    have += static_cast<std::size_t>(got);
    std::size_t at = 0;
    while (void* end = memchr(text + at, '\n', have - at)) {
      *static_cast<char*>(end) = 0;
      scan_mapping(parse(text + at));
      at = static_cast<std::size_t>(static_cast<char*>(end) - text) + 1;
    }
    memmove(text, text + at, have -= at);
  }
}

void Roots::scan_block(const Reach::Block& block) {
  const std::size_t words = block.bytes / kWordBytes;
  if (!block.steady) return scan(address_of(block.at), address_of(block.at) + words * kWordBytes, pages_ >= 0);
  const auto* word = reinterpret_cast<const std::uintptr_t*>(block.at);
  for (std::size_t i = 0; i < words; ++i) reach_.word(atomic_load(word + i, kRelaxed));
}

}  // namespace

const char* mark_reachable(HeapCore& heap, const void* stack, Reach* reach, bool* stopped) {
  [[maybe_unused]] const annotate::Quiet quiet;
  if (*heap.options.target(Target::kTrace)) return "the trace names every block";
  // The registry's: no thread gets tables that are not hidden.
  Locked registry(heap.registry_lock);
  Locked locked(heap.arena.lock);
  const StoppedThreads others(heap.arena.os());
  *stopped = others.all();
  if (!reach->begin()) return "no memory to find out";
  Roots roots(heap, *reach, others, stack);
  if (const char* why = roots.open_all()) return why;
  // A thread that is no thread of the kernel's may have its stack in a block.
  reach->word(address_of(stack));
  others.each_word([reach](std::uintptr_t word) { reach->word(word); });
  roots.scan_mappings();
  for (Reach::Block block; reach->next(&block);) roots.scan_block(block);
  return nullptr;
}

}  // namespace hak
