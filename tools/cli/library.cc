#include "library.h"

#include <unistd.h>

#include <filesystem>
#include <vector>

#include "cli.h"

namespace fs = std::filesystem;

namespace hak::cli {
namespace {

fs::path own_folder() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) throw Failure("cannot read /proc/self/exe: " + error.message());
  return self.parent_path();
}

std::string first_readable(const std::vector<fs::path>& candidates) {
  for (const fs::path& path : candidates) {
    if (access(path.c_str(), R_OK) != 0) continue;
    std::error_code error;
    const fs::path whole = fs::canonical(path, error);
    if (!error) return whole.string();
  }
  return {};
}

}  // namespace

std::string find_library(Build build, const std::string& given, int status) {
  if (!given.empty()) {
    const std::string found = first_readable({given});
    if (found.empty()) throw Failure("cannot read the library " + given, status);
    return found;
  }
  const std::string name = build == Build::kDebug ? "libhakmem-debug.so.0" : "libhakmem.so.0";
  const fs::path here = own_folder();
  std::vector<fs::path> candidates = {here / ".." / name, here / ".." / HAKMEM_CLI_LIBDIR / name,
                                      here / ".." / "lib" / name};
  if (build == Build::kDebug) candidates.push_back(here / ".." / ".." / "debug" / "libhakmem.so.0");
  const std::string found = first_readable(candidates);
  if (found.empty())
    throw Failure("cannot find " + name + " beside the command; name it with --library", status);
  return found;
}

std::string find_helper(const std::string& installed, const std::string& in_tree) {
  const fs::path here = own_folder();
  const std::string found =
      first_readable({here / in_tree, here / ".." / HAKMEM_CLI_LIBEXECDIR / "hakmem" / installed});
  if (found.empty()) throw Failure("the program " + installed + " is not here; it is built with the tests");
  return found;
}

}  // namespace hak::cli
