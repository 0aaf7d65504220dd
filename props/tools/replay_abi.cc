// hakmem-replay-abi: runs scripts on the C and C++ entry points, each in a process of its own, with
// real threads and fork.
#include <fcntl.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/runner.h"
#include "model/shrink.h"
#include "system/c_abi.h"

/// There in a build with coverage, where the profile is written before the allocator writes its files.
extern "C" [[gnu::weak]] int __llvm_profile_write_file(void);
extern "C" [[gnu::weak]] void __llvm_profile_set_filename(const char*);

using namespace hak;
using namespace hak::props;

/// Behind the allocator's own destructor. To another file: a profile that is merged into the same file
/// twice doubles it.
[[gnu::destructor(101)]] static void write_profile_again() {
  const char* pattern = std::getenv("LLVM_PROFILE_FILE");
  if (!__llvm_profile_write_file || !pattern) return;
  forbid_opening(false);
  static std::string late;  // the runtime keeps the pointer
  late = std::string(pattern, 0, std::string(pattern).rfind('/') + 1) + "late-%p.profraw";
  __llvm_profile_set_filename(late.c_str());
  __llvm_profile_write_file();
}

namespace {

constexpr const char* kUsage =
    "usage: hakmem-replay-abi SCRIPT...\n"
    "       hakmem-replay-abi --random COUNT [--seed N] [--ops N] [--keep FILE] [--as-found]\n"
    "--here DIRECTORY is how it starts itself for a script with `env no-environ`.\n";

/// Long enough for any script: what takes longer waits for itself.
constexpr unsigned kSeconds = 30 * HAK_PROPS_SLOWNESS;

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

/// The script in this process, which ends as a program does: what is written at exit is written.
[[noreturn]] void run_here(const std::string& name, const Script& script, const ScriptFiles& files) {
  alarm(kSeconds);
  Outcome outcome;
  {
    CAbiSystem system(files);
    Runner::Config config;
    config.catch_signals = false;
    outcome = run_script(system, script, config);
  }
  if (!outcome.ok) std::printf("FAIL %s (C ABI): %s\n", name.c_str(), outcome.message.c_str());
  std::fflush(stdout);
  if (outcome.ok) leave_blocks(files, script);
  std::exit(outcome.ok ? 0 : 1);
}

/// The process anew, so that what it was started with is in /proc/self/environ and nowhere else.
[[noreturn]] void run_anew(const std::string& name, const Script& script, const ScriptFiles& files) {
  const std::string path = files.directory() + "/script";
  files.write("script", format_text(script));
  for (const auto& [variable, value] : start_environment_of(script)) setenv(variable.c_str(), value.c_str(), 1);
  // By its name: what the link itself leads to is Valgrind, if that runs us. Through the emulator, if there is
  // one: the kernel may not know what to do with a program for another machine.
  char self[PATH_MAX] = {};
  if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0) die("cannot find itself");
  const char* emulator = getenv("TEST_EMULATOR");
  std::istringstream words(emulator ? emulator : "");
  std::vector<std::string> arguments{std::istream_iterator<std::string>(words), {}};
  arguments.insert(arguments.end(), {self, "--here", files.directory(), path});
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execvp(pointers[0], pointers.data());
  die("cannot start " + name + " anew");
}

/// True if the script passes; prints one line if not.
bool run_in_child(const std::string& name, const Script& script) {
  std::fflush(stdout);
  const ScriptFiles files;
  const pid_t child = fork();
  if (child < 0) die("cannot fork");
  std::string text;
  if (child == 0 && setting_of(script, Variable::kNoEnviron, &text)) run_anew(name, script, files);
  if (child == 0) run_here(name, script, files);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) std::printf("FAIL %s (C ABI): died of signal %d\n", name.c_str(), WTERMSIG(status));
  bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (ok) {
    const std::string wrong = check_exit_files(files, script);
    if (!wrong.empty()) std::printf("FAIL %s (C ABI): %s\n", name.c_str(), wrong.c_str());
    ok = wrong.empty();
  }
  long from = 0;
  if (!ok) std::fputs(files.read_new(kErrorFd, &from).c_str(), stderr);
  return ok;
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

/// What a script in the making prints is of no interest.
void shrink_quietly(Script* script) {
  std::fflush(stdout);
  const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  dup2(null, STDOUT_FILENO);
  dup2(null, STDERR_FILENO);
  shrink(script, [](const Script& candidate) { return !run_in_child("", candidate); });
  std::fflush(stdout);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  for (const int fd : {out, err, null}) close(fd);
}

int run_random(u64 count, u64 seed, u64 ops, const char* keep, bool as_found) {
  Random random(seed);
  std::vector<u8> bytes(kHeaderBytes + ops * kOpBytes);
  for (u64 i = 0; i < count; ++i) {
    for (u8& byte : bytes) byte = static_cast<u8>(random.next() >> 32);
    if (random.below(2)) memset(bytes.data(), 0, kHeaderBytes);
    if (random.below(4)) bytes[0] = static_cast<u8>((bytes[0] & 15) | 2U << 4);
    Script script;
    decode_binary(bytes.data(), bytes.size(), &script);
    if (run_in_child("script " + std::to_string(i), script)) continue;
    if (!as_found) shrink_quietly(&script);
    std::ofstream(keep) << format_text(script);
    run_in_child(keep, script);
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
  const char* here = nullptr;
  bool as_found = false;
  std::vector<const char*> scripts;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--random") count = number(argc, argv, ++i);
    else if (word == "--seed") seed = number(argc, argv, ++i);
    else if (word == "--ops") ops = number(argc, argv, ++i) % kMaxOps;
    else if (word == "--keep" && i + 1 < argc) keep = argv[++i];
    else if (word == "--here" && i + 1 < argc) here = argv[++i];
    else if (word == "--as-found") as_found = true;
    else if (word == "--help") { std::fputs(kUsage, stdout); return 0; }
    else if (word.rfind("--", 0) == 0) die("unknown option " + word + " (--help lists them)");
    else scripts.push_back(argv[i]);
  }
  if (count) return run_random(count, seed, ops, keep, as_found);
  if (scripts.empty()) die("no script given (--help shows the usage)");
  if (here) {
    const ScriptFiles files(here);
    run_here(scripts[0], load(scripts[0]), files);
  }
  int failures = 0;
  for (const char* path : scripts) {
    if (run_in_child(path, load(path))) std::printf("ok   %s\n", path);
    else ++failures;
  }
  return failures ? 1 : 0;
}
