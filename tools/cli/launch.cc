#include "launch.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "library.h"

namespace hak::cli {
namespace {

void set(const std::string& name, const std::string& value) {
  if (setenv(name.c_str(), value.c_str(), 1) != 0)
    throw Failure(fmt::format("cannot set {}: {}", name, strerror(errno)), kOwnFailure);
}

void apply_setting(const std::string& setting) {
  const auto equals = setting.find('=');
  if (equals == 0 || equals == std::string::npos)
    throw Failure(fmt::format("--set takes NAME=VALUE, not '{}'", setting), kOwnFailure);
  std::string name = setting.substr(0, equals);
  for (char& c : name) c = static_cast<char>(toupper(static_cast<unsigned char>(c)));
  if (name.rfind("HAKMEM_", 0) != 0) name = "HAKMEM_" + name;
  set(name, setting.substr(equals + 1));
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = getenv("PATH");
  std::istringstream folders(path ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string whole = (folder.empty() ? "." : folder) + "/" + name;
    if (access(whole.c_str(), X_OK) == 0) return whole;
  }
  return {};
}

bool is_static(int fd) {
  Elf64_Ehdr header;
  if (pread(fd, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) return false;
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
    return false;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const off_t at = static_cast<off_t>(header.e_phoff + i * sizeof segment);
    if (pread(fd, &segment, sizeof segment, at) != static_cast<ssize_t>(sizeof segment)) return false;
    if (segment.p_type == PT_INTERP) return false;
  }
  return true;
}

}  // namespace

void prepare_environment(const Launch& launch, bool build_debug) {
  const std::string library =
      find_library(build_debug ? Build::kDebug : Build::kRelease, launch.library, kOwnFailure);
  const char* before = getenv("LD_PRELOAD");
  set("LD_PRELOAD", before && *before ? library + ":" + before : library);
  if (!launch.profile.empty()) set("HAKMEM_PROFILE", launch.profile);
  if (!launch.report.empty()) {
    // A relative name means this directory, wherever the program goes.
    const bool plain = launch.report.rfind("fd:", 0) != 0;
    set("HAKMEM_REPORT",
        plain ? std::filesystem::absolute(launch.report).string() : launch.report);
  }
  for (const std::string& setting : launch.settings) apply_setting(setting);
}

void warn_if_deaf(const std::string& program) {
  const std::string path = find_program(program);
  if (path.empty()) return;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  struct stat about = {};
  fstat(fd, &about);
  if (is_static(fd)) {
    fmt::print(stderr, "hakmem: {} is statically linked: nothing can be preloaded into it\n", path);
  } else if (about.st_mode & (S_ISUID | S_ISGID)) {
    fmt::print(stderr, "hakmem: {} changes its user: the loader ignores the library\n", path);
  }
  close(fd);
}

void execute(const Launch& launch) {
  std::vector<char*> words;
  for (const std::string& word : launch.command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execvp(words[0], words.data());
  if (errno == ENOENT)
    throw Failure(fmt::format("{}: not found", launch.command[0]), kNotFound);
  throw Failure(fmt::format("cannot run {}: {}", launch.command[0], strerror(errno)), kCannotExecute);
}

}  // namespace hak::cli
