// hakmem-scripts: runs random scripts for a while, says how many a CPU second. A failing script is
// written to a file, made smaller first, and the line that replays it is printed.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/agree.h"
#include "model/shrink.h"
#include "system/instance.h"
#include "system/libc.h"

using namespace hak;
using namespace hak::props;

namespace {

constexpr const char* kUsage =
    "usage: hakmem-scripts [--count N] [--ops N] [--seed N] [--policy N] [--tracked] [--agree] [--audit]\n"
    "                      [--system] [--legal] [--default] [--large]\n"
    "                      [--as-found] [--keep FILE]\n";

struct Choices {
  u64 count = 20000, ops = 128, seed = 1, policy = 0;
  bool tracked = false, agree = false, system = false, legal = false, plain = false, large = false, as_found = false;
  const char* keep = "failed.script";
  Runner::Config config;
};

[[noreturn]] void die(const std::string& line) {
  std::fprintf(stderr, "hakmem-scripts: %s\n", line.c_str());
  std::exit(2);
}

Choices parse(int argc, char** argv) {
  Choices choices;
  const auto number = [&](int i, u64 most) {
    char* end = nullptr;
    const u64 value = i < argc ? std::strtoull(argv[i], &end, 0) : 0;
    if (i >= argc || *end || end == argv[i] || value > most) die(std::string(argv[i - 1]) + " needs a number");
    return value;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--count") choices.count = number(++i, ~u64{0});
    else if (word == "--ops") choices.ops = number(++i, kMaxOps);
    else if (word == "--seed") choices.seed = number(++i, ~u64{0});
    else if (word == "--policy") choices.policy = number(++i, kPolicyCount - 1);
    else if (word == "--tracked") choices.tracked = true;
    else if (word == "--agree") choices.agree = true;
    else if (word == "--audit") choices.config.audit_each = true;
    else if (word == "--system") choices.system = true;
    else if (word == "--legal") choices.legal = true;
    else if (word == "--default") choices.plain = true;
    else if (word == "--large") choices.large = true;
    else if (word == "--as-found") choices.as_found = true;
    else if (word == "--keep" && i + 1 < argc) choices.keep = argv[++i];
    else if (word == "--help") { std::fputs(kUsage, stdout); std::exit(0); }
    else die("unknown option " + word + " (--help lists them)");
  }
  return choices;
}

void make_script(Random& random, const Choices& choices, Script* script) {
  static std::vector<u8> bytes;
  bytes.resize(kHeaderBytes + choices.ops * kOpBytes);
  for (u8& byte : bytes) byte = static_cast<u8>(random.next() >> 32);
  // Most scripts run with every route and the default profile, as most programs do.
  if (choices.plain || random.below(4)) memset(bytes.data(), 0, kHeaderBytes);
  decode_binary(bytes.data(), bytes.size(), script);
  if (choices.legal) std::erase_if(script->ops, [](const Op& op) { return is_misuse(op.kind); });
  if (!choices.large) return;
  // Two of three sizes are those of large blocks, from one unit to a few MiB, few enough to be reused.
  for (Op& op : script->ops)
    if ((op.kind == OpKind::kMalloc || op.kind == OpKind::kRealloc) && random.below(3))
      op.a = (u64{40000} << random.below(7)) + random.below(4) * kPageBytes;
}

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

Outcome run_one(System& system, const Script& script, const Choices& choices) {
  if (choices.agree)
    return run_all_policies(static_cast<InstanceSystem&>(system), script, choices.tracked, choices.config);
  Runner runner(system, choices.config);
  return runner.run(script);
}

int report(System& system, Script script, const Choices& choices, u64 number, const std::string& first) {
  const auto fails = [&](const Script& candidate) { return !run_one(system, candidate, choices).ok; };
  std::printf("first failure: %s\n", first.c_str());
  if (choices.as_found) {
    std::ofstream(choices.keep) << format_text(script);
    return 1;
  }
  if (fails(script)) shrink(&script, fails);
  if (!fails(script)) std::printf("note: the script passes when it is run again\n");
  const Outcome outcome = run_one(system, script, choices);
  std::ofstream(choices.keep) << format_text(script);
  std::printf("script %llu of seed %llu failed: %s (operation %zu)\n%s", static_cast<unsigned long long>(number),
              static_cast<unsigned long long>(choices.seed), outcome.message.c_str(), outcome.op + 1,
              format_text(script).c_str());
  std::printf("replay: hakmem-replay %s%s %s\n",
              choices.system  ? "--system"
              : choices.agree ? "--agree"
                              : ("--policy " + std::to_string(choices.policy)).c_str(),
              choices.tracked ? " --tracked" : "", choices.keep);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Choices choices = parse(argc, argv);
  Random random(choices.seed);
  LibcSystem libc;
  InstanceSystem instance(static_cast<unsigned>(choices.policy), choices.tracked);
  System& system = choices.system ? static_cast<System&>(libc) : instance;
  Script script;
  u64 executed = 0;
  const double start = cpu_seconds();
  for (u64 i = 0; i < choices.count; ++i) {
    make_script(random, choices, &script);
    const Outcome outcome = run_one(system, script, choices);
    if (!outcome.ok) return report(system, script, choices, i, outcome.message);
    executed += outcome.executed;
  }
  const double seconds = cpu_seconds() - start;
  std::printf("%llu scripts, %llu operations, %.2f s of CPU: %.0f scripts/s, %.0f ns an operation\n",
              static_cast<unsigned long long>(choices.count), static_cast<unsigned long long>(executed), seconds,
              static_cast<double>(choices.count) / seconds, seconds * 1e9 / static_cast<double>(executed));
  return executed ? 0 : 1;
}
