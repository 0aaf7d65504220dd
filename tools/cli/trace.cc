#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <queue>
#include <sstream>

#include "cli.h"

namespace hak::cli {

Trace::Trace(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat about = {};
  if (fd < 0 || fstat(fd, &about) != 0) throw Failure(fmt::format("cannot read {}: {}", path, strerror(errno)));
  size_ = static_cast<std::size_t>(about.st_size);
  void* at = S_ISREG(about.st_mode) && size_ ? mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
  close(fd);
  if (at == MAP_FAILED) throw Failure(path + " is no trace");
  data_ = static_cast<const char*>(at);
  header_ = reinterpret_cast<const TraceHeader*>(data_);
  const bool whole = size_ >= sizeof(TraceHeader) && memcmp(header_->magic, kTraceMagic, sizeof kTraceMagic) == 0;
  if (!whole) {
    munmap(const_cast<char*>(data_), size_);
    throw Failure(path + " is no trace");
  }
  try {
    if (header_->header_bytes != kTraceHeaderBytes || header_->chunk_bytes != kTraceChunkBytes ||
        header_->record_bytes != sizeof(TraceRecord) || header_->text_bytes > sizeof header_->text)
      throw Failure(path + " is a trace of another version");
    parse_text(path);
    find_chunks(path);
  } catch (...) {
    munmap(const_cast<char*>(data_), size_);
    throw;
  }
}

Trace::~Trace() { munmap(const_cast<char*>(data_), size_); }

void Trace::parse_text(const std::string& path) {
  std::istringstream lines(std::string(header_->text, header_->text_bytes));
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) throw Failure(path + ": damaged header");
    settings_[line.substr(0, equals)] = line.substr(equals + 1);
  }
}

void Trace::find_chunks(const std::string& path) {
  constexpr u64 kPerChunk = kTraceChunkBytes / sizeof(TraceRecord) - 1;
  for (std::size_t at = kTraceHeaderBytes; at + sizeof(TraceChunk) <= size_; at += kTraceChunkBytes) {
    const auto* chunk = reinterpret_cast<const TraceChunk*>(data_ + at);
    if (chunk->thread == 0) continue;  // taken, but the process ended before it was used
    const auto* records = reinterpret_cast<const TraceRecord*>(chunk + 1);
    const u64 room = std::min<u64>(kPerChunk, (size_ - at - sizeof(TraceChunk)) / sizeof(TraceRecord));
    u64 count = 0;
    for (; count < room && records[count].op != TraceOp::kNone; ++count)
      if (records[count].op >= TraceOp::kCount) throw Failure(fmt::format("{}: damaged record at {}", path, at));
    if (count == 0) continue;
    runs_[chunk->thread].push_back({records, count, chunk->first_order});
    records_ += count;
  }
  threads_ = static_cast<unsigned>(runs_.size());
}

void Trace::each(const std::function<void(const TraceRecord&, u32)>& visit) const {
  struct Cursor {
    u32 thread;
    const std::vector<Run>* runs;
    std::size_t run = 0;
    u64 index = 0;
    bool done() const { return run == runs->size(); }
    const TraceRecord& record() const { return (*runs)[run].records[index]; }
    u64 order() const {
      const u64 first = (*runs)[run].first_order;
      return first + static_cast<u32>(record().order - static_cast<u32>(first));
    }
    void advance() {
      if (++index < (*runs)[run].count) return;
      index = 0;
      ++run;
    }
  };
  const auto later = [](const Cursor& a, const Cursor& b) { return a.order() > b.order(); };
  std::priority_queue<Cursor, std::vector<Cursor>, decltype(later)> waiting(later);
  for (const auto& [thread, runs] : runs_) waiting.push({thread, &runs});
  while (!waiting.empty()) {
    Cursor cursor = waiting.top();
    waiting.pop();
    const u64 until = waiting.empty() ? ~u64{0} : waiting.top().order();
    while (!cursor.done() && cursor.order() < until) {
      visit(cursor.record(), cursor.thread);
      cursor.advance();
    }
    if (!cursor.done()) waiting.push(cursor);
  }
}

bool is_trace(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char magic[sizeof kTraceMagic] = {};
  if (fd < 0) throw Failure(fmt::format("cannot read {}: {}", path, strerror(errno)));
  const ssize_t got = read(fd, magic, sizeof magic);
  close(fd);
  return got == static_cast<ssize_t>(sizeof magic) && memcmp(magic, kTraceMagic, sizeof magic) == 0;
}

}  // namespace hak::cli
