#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "cli.h"
#include "elf.h"

namespace hak::cli {

Process::Process(int id) : id_(id) {
  if (kill(id_, 0) != 0 && errno == ESRCH) throw Failure(fmt::format("no process {}", id_));
  find_library();
  layout_ = value<Layout>(layout_at_);
  if (layout_.bytes == 0 || layout_.process_state == 0)
    throw Failure(fmt::format("process {} has not allocated anything yet", id_));
  if (memcmp(layout_.magic, "hakmap1", 8) != 0 || layout_.bytes != sizeof layout_)
    throw Failure(fmt::format("{} in process {} is another version than this command", library_, id_));
}

/// The file among the mappings that defines hakmem_layout: those named like the library first.
void Process::find_library() {
  std::ifstream maps(fmt::format("/proc/{}/maps", id_));
  std::map<std::string, u64> lowest;
  std::vector<std::string> order;
  for (std::string line; std::getline(maps, line);) {
    const auto slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::string path = line.substr(slash);
    if (!lowest.emplace(path, strtoul(line.c_str(), nullptr, 16)).second) continue;
    const bool named = base_name(path).find("hakmem") != std::string::npos;
    order.insert(named ? order.begin() : order.end(), path);
  }
  if (order.empty())
    throw Failure(fmt::format("cannot read the mappings of process {}: {}", id_,
                              errno ? strerror(errno) : "there are none"));
  for (const std::string& path : order) {
    unsigned long distance = 0;
    // Through the process's own root, for one in a container.
    if (!find_symbol(fmt::format("/proc/{}/root{}", id_, path), "hakmem_layout", &distance) &&
        !find_symbol(path, "hakmem_layout", &distance))
      continue;
    library_ = path;
    layout_at_ = lowest[path] + distance;
    return;
  }
  throw Failure(fmt::format("process {} does not run on hakmem", id_));
}

void Process::read(u64 address, void* to, std::size_t bytes) const {
  char* at = static_cast<char*>(to);
  while (bytes) {
    const std::size_t part = bytes < (std::size_t{1} << 24) ? bytes : std::size_t{1} << 24;
    iovec local = {at, part};
    iovec remote = {reinterpret_cast<void*>(address), part};
    const ssize_t got = process_vm_readv(id_, &local, 1, &remote, 1, 0);
    if (got <= 0) {
      const char* why = got == 0 ? "nothing there" : strerror(errno);
      throw Failure(fmt::format("cannot read process {}: {}", id_, why));
    }
    at += got;
    address += static_cast<u64>(got);
    bytes -= static_cast<std::size_t>(got);
  }
}

std::string Process::text(u64 address) const {
  std::string out;
  while (out.size() < 4096) {
    const char c = value<char>(address++);
    if (!c) break;
    out += c;
  }
  return out;
}

u64 Process::resident_bytes(u64 from, u64 to) const {
  const int fd = open(fmt::format("/proc/{}/pagemap", id_).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw Failure(fmt::format("cannot read the page map of process {}: {}", id_, strerror(errno)));
  std::vector<u64> entries(1 << 14);
  u64 resident = 0;
  for (u64 page = from / kPageBytes, end = to / kPageBytes; page < end;) {
    const u64 count = std::min<u64>(entries.size(), end - page);
    const ssize_t got = pread(fd, entries.data(), count * sizeof(u64), static_cast<off_t>(page * sizeof(u64)));
    if (got <= 0) break;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof(u64); ++i)
      resident += entries[i] >> 63 ? kPageBytes : 0;
    page += static_cast<u64>(got) / sizeof(u64);
  }
  close(fd);
  return resident;
}

}  // namespace hak::cli
