// std::regex, std::filesystem, locales and streams.
#include <clocale>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <locale>
#include <regex>
#include <set>
#include <sstream>

#include "compat.h"

namespace {

namespace fs = std::filesystem;

/// Groups digits by three, with a point.
struct Grouped : std::numpunct<char> {
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

void patterns() {
  const std::regex words(R"((\w+)@(\w+)\.(com|org))", std::regex::icase);
  std::string text;
  for (int i = 0; i < 200; ++i) text += "some one" + std::to_string(i) + "@example.org, ";
  const auto count = std::distance(std::sregex_iterator(text.begin(), text.end(), words), std::sregex_iterator());
  CHECK(count == 200);
  CHECK(std::regex_replace(text, words, "<$2>").find('@') == std::string::npos);
  bool refused = false;
  try {
    const std::regex broken("(unclosed");
  } catch (const std::regex_error&) {
    refused = true;
  }
  CHECK(refused);
}

void files() {
  char pattern[] = "/tmp/compat.XXXXXX";
  CHECK(mkdtemp(pattern));
  const fs::path root = pattern;
  for (int i = 0; i < 30; ++i) {
    const fs::path folder = root / ("folder" + std::to_string(i % 5)) / "deep" / std::string(50, 'n');
    fs::create_directories(folder);
    std::ofstream(folder / (std::to_string(i) + ".txt")) << std::string(1000, 'f');
  }
  std::set<fs::path> names;
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file()) {
      names.insert(entry.path().filename());
      bytes += entry.file_size();
    }
  CHECK(names.size() == 30 && bytes == 30000);
  fs::copy(root / "folder1", root / "copy", fs::copy_options::recursive);
  CHECK(fs::exists(root / "copy/deep") && fs::relative(root / "copy", root) == "copy");
  bool refused = false;
  try {
    (void)fs::file_size(root / "none");
  } catch (const fs::filesystem_error& error) {
    refused = std::string(error.what()).size() > 10;
  }
  CHECK(refused && fs::remove_all(root) > 30);
}

void streams() {
  const std::locale grouped(std::locale::classic(), new Grouped);
  for (int i = 0; i < 50; ++i) {
    std::ostringstream out;
    out.imbue(grouped);
    out << 1234567 << ' ' << std::setw(3000) << 8;
    CHECK(out.str().substr(0, 9) == "1.234.567" && out.str().size() == 3010);
  }
  const std::locale before = std::locale::global(std::locale("C.UTF-8"));
  std::wostringstream wide;
  wide << L"wide " << 3.5;
  CHECK(wide.str() == L"wide 3.5");
  std::locale::global(before);
  const std::locale mixed(std::locale::classic(), std::locale("C.UTF-8"), std::locale::ctype);
  CHECK(std::use_facet<std::ctype<wchar_t>>(mixed).is(std::ctype_base::alpha, L'a'));
  std::stringstream money;
  money.imbue(grouped);
  money << std::put_money(123456.0L);
  CHECK(!money.str().empty());
  std::istringstream in("1 2 3 4 x");
  int sum = 0, value = 0;
  while (in >> value) sum += value;
  CHECK(sum == 10 && in.fail());
  std::ios_base::sync_with_stdio(false);
  CHECK(std::cout.rdbuf() != nullptr);
  struct Slots : std::ios {
  } slots;
  for (int i = 0; i < 40; ++i) slots.pword(std::ios_base::xalloc()) = &slots;
}

}  // namespace

int main() {
  patterns();
  files();
  streams();
  return compat_end("cxx_text");
}
