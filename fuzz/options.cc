// The option parser: an environment of arbitrary strings. What is accepted prints as a value that parses
// to itself; what is not leaves the profile's default and gives exactly one line.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "common.h"

using namespace hak;

namespace {

unsigned g_lines = 0;

void count_line(const Text& line) {
  ++g_lines;
  if (line.size() == 0 || line.data()[line.size() - 1] != '\n') std::abort();
}

/// The value the last-resort way: a parse of the first occurrence, written again from the description.
void check_value(const Options& options, OptionId id) {
  const u64 value = options.get(id);
  char buffer[64] = {};
  Text text(buffer, sizeof buffer - 1);
  format_option(id, value, text);
  u64 again = 0;
  if (value > option_info(id).max || !parse_option(id, buffer, &again) || again != value) {
    std::fprintf(stderr, "%s=%s is not read back\n", option_info(id).name, buffer);
    std::abort();
  }
}

struct FileVariable {
  Target id;
  const char* name;
  bool descriptors;
};
constexpr FileVariable kFileVariables[] = {
#define HAK_TARGET(id, name, descriptors, doc) {Target::id, name, descriptors},
#include "base/targets.def"
#undef HAK_TARGET
};

/// A path, or fd: and a decimal number where that is allowed.
bool names_a_file(const FileVariable& variable, const std::string& text) {
  if (text.rfind("fd:", 0) != 0) return !text.empty() && text.size() <= 255;
  const std::string digits = text.substr(3);
  return variable.descriptors && !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos &&
         text.size() <= 255 && std::strtoull(digits.c_str(), nullptr, 10) <= 1U << 20;
}

/// How many of the variables that name a file do not; those that do are kept to the letter.
unsigned refused_files(const Options& options, const std::vector<std::string>& strings) {
  unsigned refused = 0;
  for (const FileVariable& variable : kFileVariables) {
    const std::string prefix = std::string(variable.name) + "=";
    std::string expected;
    for (const std::string& s : strings) {
      if (s.rfind(prefix, 0) != 0) continue;
      const std::string text = s.substr(prefix.size());
      if (names_a_file(variable, text)) {
        expected = text;
      } else {
        ++refused;
      }
      break;
    }
    if (options.target(variable.id) != expected) std::abort();
  }
  return refused;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  // Strings end at zero bytes. A first byte below the number of options stands for "NAME=".
  std::vector<std::string> strings;
  std::string current;
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == 0) {
      strings.push_back(current);
      current.clear();
    } else if (current.empty() && data[i] <= kOptionCount) {
      current = std::string(option_info(static_cast<OptionId>(data[i] - 1)).name) + "=";
    } else {
      current += static_cast<char>(data[i]);
    }
  }
  strings.push_back(current);
  std::vector<char*> environment;
  for (std::string& s : strings) environment.push_back(s.data());
  environment.push_back(nullptr);

  Options options;
  g_lines = 0;
  options.load(environment.data(), count_line);
  unsigned refused = refused_files(options, strings);
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    const auto id = static_cast<OptionId>(i);
    check_value(options, id);
    const std::string prefix = std::string(option_info(id).name) + "=";
    for (const std::string& s : strings) {
      if (s.rfind(prefix, 0) != 0) continue;
      u64 value = 0;
      refused += !parse_option(id, s.c_str() + prefix.size(), &value);
      if (parse_option(id, s.c_str() + prefix.size(), &value) && options.get(id) != value) std::abort();
      break;
    }
  }
  if (refused != g_lines) std::abort();
  fuzz::count_operations(strings.size());
  return 0;
}
