// hakmem-replay: runs scripts of the heap language and says whether the allocator answered as it must.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "model/agree.h"
#include "model/runner.h"
#include "system/instance.h"
#include "system/libc.h"

using namespace hak;
using namespace hak::props;

namespace {

constexpr const char* kUsage =
    "usage: hakmem-replay [--policy N|all] [--tracked] [--system] [--agree] [--audit] [--crash]\n"
    "                     [--text | --binary FILE] SCRIPT...\n"
    "  --policy N   run the instantiation N of 0..47 (default 0), or all of them\n"
    "  --tracked    with exact records (Debug, paranoid)\n"
    "  --system     on the C library's malloc, without the misuse\n"
    "  --agree      all policies must show the same pointers, verdicts, sizes and errno\n"
    "  --audit      every invariant after every operation\n"
    "  --crash      let a crash end the process, for a debugger\n"
    "  --text       print the script instead of running it; --binary FILE writes it as bytes\n";

struct Choices {
  unsigned first = 0, last = 0;
  bool tracked = false, system = false, agree = false, text = false;
  const char* binary = nullptr;
  Runner::Config config;
  std::vector<const char*> scripts;
};

[[noreturn]] void die(const std::string& line) {
  std::fprintf(stderr, "hakmem-replay: %s\n", line.c_str());
  std::exit(2);
}

void take_policy(const char* text, Choices* options) {
  if (text && std::strcmp(text, "all") == 0) {
    options->last = kPolicyCount - 1;
    return;
  }
  char* end = nullptr;
  const unsigned long policy = text ? std::strtoul(text, &end, 10) : kPolicyCount;
  if (!text || *end || end == text || policy >= kPolicyCount)
    die(std::string("--policy takes 0 to 47 or all, not `") + (text ? text : "") + "`");
  options->first = options->last = static_cast<unsigned>(policy);
}

Choices parse(int argc, char** argv) {
  Choices options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--policy") take_policy(argv[++i < argc ? i : argc], &options);
    else if (word == "--tracked") options.tracked = true;
    else if (word == "--system") options.system = true;
    else if (word == "--agree") options.agree = true;
    else if (word == "--audit") options.config.audit_each = true;
    else if (word == "--crash") options.config.catch_signals = false;
    else if (word == "--text") options.text = true;
    else if (word == "--binary") options.binary = argv[++i < argc ? i : argc];
    else if (word == "--help") { std::fputs(kUsage, stdout); std::exit(0); }
    else if (word.rfind("--", 0) == 0) die("unknown option " + word + " (--help lists them)");
    else options.scripts.push_back(argv[i]);
  }
  if (options.scripts.empty()) die("no script given (--help shows the usage)");
  return options;
}

Script load(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) die(std::string("cannot read ") + path + ": " + std::strerror(errno));
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Script script;
  std::string error;
  const bool is_text = bytes.find("hakmem-script") < 4096 && bytes.find('\0') == std::string::npos;
  if (!is_text) {
    decode_binary(reinterpret_cast<const u8*>(bytes.data()), bytes.size(), &script);
  } else if (!parse_text(bytes, &script, &error)) {
    die(std::string(path) + ": " + error);
  }
  return script;
}

void write_binary(const Script& script, const char* path) {
  std::string bytes, error;
  if (!path) die("--binary needs a file name");
  if (!encode_binary(script, &bytes, &error)) die(error);
  std::ofstream file(path, std::ios::binary);
  if (!file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()))) die(std::string("cannot write ") + path);
}

/// Runs one script as the options say; prints one line per failure.
bool replay(const char* path, const Script& script, const Choices& options) {
  if (options.system) {
    LibcSystem libc;
    const Outcome outcome = run_script(libc, script, options.config);
    if (!outcome.ok) std::printf("FAIL %s (system malloc): %s\n", path, outcome.message.c_str());
    return outcome.ok;
  }
  InstanceSystem instance(options.first, options.tracked);
  if (options.agree) {
    const Outcome outcome = run_all_policies(instance, script, options.tracked, options.config);
    if (!outcome.ok) std::printf("FAIL %s: %s\n", path, outcome.message.c_str());
    return outcome.ok;
  }
  bool ok = true;
  for (unsigned policy = options.first; policy <= options.last; ++policy) {
    instance.set_policy(policy, options.tracked);
    const Outcome outcome = run_script(instance, script, options.config);
    if (outcome.ok) continue;
    ok = false;
    std::printf("FAIL %s (policy %u%s): %s\n", path, policy, options.tracked ? ", tracked" : "",
                outcome.message.c_str());
  }
  return ok;
}

}  // namespace

int main(int argc, char** argv) {
  const Choices options = parse(argc, argv);
  int failures = 0;
  for (const char* path : options.scripts) {
    const Script script = load(path);
    if (options.text) {
      std::fputs(format_text(script).c_str(), stdout);
    } else if (options.binary) {
      write_binary(script, options.binary);
    } else if (replay(path, script, options)) {
      std::printf("ok   %s\n", path);
    } else {
      ++failures;
    }
  }
  return failures ? 1 : 0;
}
