// fuzz-minimise: makes a failing input of the heap or differential target small, and a text script that
// tests/replay can keep.
#include <cstring>
#include <fstream>
#include <iterator>

#include "common.h"
#include "model/shrink.h"

using namespace hak;

namespace {

constexpr const char* kUsage = "usage: fuzz-minimise heap|differential INPUT OUTPUT\n";

[[noreturn]] void die(const std::string& line) {
  std::fprintf(stderr, "fuzz-minimise: %s\n", line.c_str());
  std::exit(2);
}

/// Runs a script as the target would have, but survives it.
class Subject {
 public:
  Subject(bool differential, u8 choice)
      : differential_(differential), heap_(fuzz::heap_choice(choice)), pair_(fuzz::pair_choice(choice)),
        system_(0, false) {}

  props::Outcome run(const props::Script& script) {
    constexpr props::Runner::Config config;
    if (differential_) return props::run_pair(system_, script, pair_.left, pair_.right, pair_.tracked, config);
    system_.set_policy(heap_.policy, heap_.tracked);
    return props::run_script(system_, script, config);
  }

  std::string options() const {
    if (differential_) return pair_.tracked ? "--agree --tracked" : "--agree";
    return "--policy " + std::to_string(heap_.policy) + (heap_.tracked ? " --tracked" : "");
  }

 private:
  bool differential_;
  fuzz::HeapChoice heap_;
  fuzz::PairChoice pair_;
  props::InstanceSystem system_;
};

std::string read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) die(std::string("cannot read ") + path + ": " + std::strerror(errno));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && !std::strcmp(argv[1], "--help")) return std::fputs(kUsage, stdout) < 0;
  const bool differential = argc == 4 && !std::strcmp(argv[1], "differential");
  if (argc != 4 || (!differential && std::strcmp(argv[1], "heap") != 0)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const std::string bytes = read(argv[2]);
  if (bytes.empty()) die(std::string(argv[2]) + " is empty");
  if (std::ifstream(argv[3])) die(std::string(argv[3]) + " exists already");
  props::Script script;
  const auto* data = reinterpret_cast<const u8*>(bytes.data());
  props::decode_binary(data + fuzz::kChoiceBytes, bytes.size() - fuzz::kChoiceBytes, &script);

  Subject target(differential, data[0]);
  if (target.run(script).ok) die(std::string(argv[2]) + " does not fail");
  const std::size_t before = script.ops.size();
  props::shrink(&script, [&](const props::Script& candidate) { return !target.run(candidate).ok; });
  std::ofstream out(argv[3]);
  out << "# " << target.run(script).message << "\n# hakmem-replay " << target.options() << "\n"
      << props::format_text(script);
  if (!out.flush()) die(std::string("cannot write ") + argv[3]);
  std::printf("%zu of %zu operations left in %s\n", script.ops.size(), before, argv[3]);
  return 0;
}
