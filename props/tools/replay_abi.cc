// hakmem-replay-abi: runs scripts on the C and C++ entry points, each in a process of its own, with
// real threads and fork.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/runner.h"
#include "system/c_abi.h"

/// There in a build with coverage: a child leaves by _exit, which writes no profile.
extern "C" [[gnu::weak]] int __llvm_profile_write_file(void);

using namespace hak;
using namespace hak::props;

namespace {

constexpr const char* kUsage =
    "usage: hakmem-replay-abi SCRIPT...\n"
    "       hakmem-replay-abi --random COUNT [--seed N] [--ops N] [--keep FILE]\n";

[[noreturn]] void die(const std::string& line) {
  std::fprintf(stderr, "hakmem-replay-abi: %s\n", line.c_str());
  std::exit(2);
}

u64 number(int argc, char** argv, int i) {
  char* end = nullptr;
  const u64 value = i < argc ? std::strtoull(argv[i], &end, 10) : 0;
  if (i >= argc || *end || end == argv[i]) die(std::string(argv[i - 1]) + " needs a number");
  return value;
}

/// True if the script passes; prints one line if not.
bool run_in_child(const std::string& name, const Script& script) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) die("cannot fork");
  if (child == 0) {
    CAbiSystem system;
    Runner::Config config;
    config.catch_signals = false;
    const Outcome outcome = run_script(system, script, config);
    if (!outcome.ok) std::printf("FAIL %s (C ABI): %s\n", name.c_str(), outcome.message.c_str());
    std::fflush(stdout);
    if (__llvm_profile_write_file) __llvm_profile_write_file();
    _exit(outcome.ok ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) std::printf("FAIL %s (C ABI): died of signal %d\n", name.c_str(), WTERMSIG(status));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Script load(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) die(std::string("cannot read ") + path + ": " + std::strerror(errno));
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Script script;
  std::string error;
  if (!parse_text(bytes, &script, &error)) die(std::string(path) + ": " + error);
  return script;
}

int run_random(u64 count, u64 seed, u64 ops, const char* keep) {
  Random random(seed);
  std::vector<u8> bytes(kHeaderBytes + ops * kOpBytes);
  for (u64 i = 0; i < count; ++i) {
    for (u8& byte : bytes) byte = static_cast<u8>(random.next() >> 32);
    if (random.below(2)) memset(bytes.data(), 0, kHeaderBytes);
    Script script;
    decode_binary(bytes.data(), bytes.size(), &script);
    if (run_in_child("script " + std::to_string(i), script)) continue;
    std::ofstream(keep) << format_text(script);
    std::printf("replay: hakmem-replay-abi %s\n", keep);
    return 1;
  }
  std::printf("%llu scripts of %llu operations passed\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(ops));
  return count ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  u64 count = 0, seed = 1, ops = 128;
  const char* keep = "abi.script";
  std::vector<const char*> scripts;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--random") count = number(argc, argv, ++i);
    else if (word == "--seed") seed = number(argc, argv, ++i);
    else if (word == "--ops") ops = number(argc, argv, ++i) % kMaxOps;
    else if (word == "--keep" && i + 1 < argc) keep = argv[++i];
    else if (word == "--help") { std::fputs(kUsage, stdout); return 0; }
    else if (word.rfind("--", 0) == 0) die("unknown option " + word + " (--help lists them)");
    else scripts.push_back(argv[i]);
  }
  if (count) return run_random(count, seed, ops, keep);
  if (scripts.empty()) die("no script given (--help shows the usage)");
  int failures = 0;
  for (const char* path : scripts) {
    if (run_in_child(path, load(path))) std::printf("ok   %s\n", path);
    else ++failures;
  }
  return failures ? 1 : 0;
}
