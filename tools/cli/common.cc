#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "cli.h"

namespace hak::cli {

const Colours& colours() {
  static const Colours kPlain = {"", "", "", "", ""};
  static const Colours kBright = {"\033[1m", "\033[31m", "\033[32m", "\033[2m", "\033[0m"};
  const char* none = getenv("NO_COLOR");
  const char* terminal = getenv("TERM");
  const bool dumb = terminal && strcmp(terminal, "dumb") == 0;
  return isatty(STDOUT_FILENO) && !(none && *none) && !dumb ? kBright : kPlain;
}

void write_output(const std::string& path, const std::string& text, bool force) {
  if (path.empty()) {
    if (fwrite(text.data(), 1, text.size(), stdout) != text.size() || fflush(stdout) != 0)
      throw Failure("cannot write to stdout");
    return;
  }
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL), 0644);
  if (fd < 0 && errno == EEXIST) throw Failure(path + " is there already; --force overwrites it");
  if (fd < 0) throw Failure(fmt::format("cannot write {}: {}", path, strerror(errno)));
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = write(fd, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  if (close(fd) != 0 || done != text.size()) throw Failure("cannot write " + path);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Failure(fmt::format("cannot read {}: {}", path, strerror(errno)));
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) throw Failure("cannot read " + path);
  return text;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace hak::cli
