// hakmem-step PATH OPS [NAME=VALUE...]: single-steps the count driver and prints, for each kind of
// call, how instructions and conditional branches spread over the calls.
//
// Slopes give means; this gives the hit path alone (the commonest count), the tail, and counts for
// libraries that valgrind cannot run. It counts every instruction between the call out of op_* and
// the return into it, resolver and PLT excluded, as the driver calls through pointers.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

constexpr const char* kNames[] = {"malloc",  "free", "calloc", "realloc",
                                  "aligned", "new",  "delete"};
constexpr size_t kKinds = std::size(kNames);
// op_* is a handful of instructions, and aligned to this.
constexpr uint64_t kOpBytes = 32;

struct Call {
  uint32_t instructions;
  uint32_t branches;
};

[[noreturn]] void die(const std::string& message) {
  fprintf(stderr, "hakmem-step: %s\n", message.c_str());
  exit(2);
}

// Whether the instruction at these bytes is a conditional jump; prefixes may pad it.
bool is_conditional(uint64_t word) {
  for (int skipped = 0; skipped < 4; ++skipped, word >>= 8) {
    const uint64_t opcode = word & 0xff;
    if (opcode == 0x2e || opcode == 0x3e || opcode == 0xf2) continue;
    if (opcode >= 0x70 && opcode <= 0x7f) return true;
    if (opcode >= 0xe0 && opcode <= 0xe3) return true;
    return opcode == 0x0f && ((word >> 8) & 0xf0) == 0x80;
  }
  return false;
}

class Tracer {
 public:
  Tracer(pid_t pid, const uint64_t* starts) : pid_(pid) { std::copy_n(starts, kKinds, starts_); }

  // Steps until the driver ends; its exit status.
  int run() {
    int status = 0;
    for (;;) {
      if (ptrace(PTRACE_SINGLESTEP, pid_, nullptr, pending_signal_) != 0) die("cannot step");
      if (waitpid(pid_, &status, 0) < 0) die("lost the driver");
      if (!WIFSTOPPED(status)) return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
      // A signal of the driver's own (an abort, say) must reach it.
      pending_signal_ = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
      observe();
    }
  }

  void print() {
    printf("{");
    const char* separator = "";
    for (size_t kind = 0; kind < kKinds; ++kind) {
      if (calls_[kind].empty()) continue;
      printf("%s\"%s\": {\"calls\": %zu, ", separator, kNames[kind], calls_[kind].size());
      print_spread("instructions", calls_[kind], &Call::instructions);
      printf(", ");
      print_spread("branches", calls_[kind], &Call::branches);
      printf("}");
      separator = ", ";
    }
    printf("}\n");
  }

 private:
  static constexpr size_t kOutside = kKinds;

  void observe() {
    user_regs_struct registers{};
    if (ptrace(PTRACE_GETREGS, pid_, nullptr, &registers) != 0) die("cannot read registers");
    const uint64_t at = registers.rip;
    const size_t site = site_of(at);
    if (site != kOutside) {
      if (inside_ && site == kind_) {
        calls_[kind_].push_back(current_);
        inside_ = false;
      }
      kind_ = site;
      at_site_ = true;
      site_stack_ = registers.rsp;
      return;
    }
    // From the call site one either calls out, which pushes, or returns to the loop, which pops.
    if (at_site_ && !inside_ && registers.rsp < site_stack_) {
      inside_ = true;
      current_ = {0, 0};
    }
    at_site_ = false;
    if (inside_) {
      ++current_.instructions;
      current_.branches += conditional_at(at);
    }
  }

  size_t site_of(uint64_t at) const {
    for (size_t kind = 0; kind < kKinds; ++kind) {
      if (at - starts_[kind] < kOpBytes) return kind;
    }
    return kOutside;
  }

  bool conditional_at(uint64_t at) {
    const auto [entry, is_new] = conditional_.try_emplace(at, false);
    if (is_new) {
      errno = 0;
      const long word = ptrace(PTRACE_PEEKTEXT, pid_, at, nullptr);
      if (errno != 0) die("cannot read the code");
      entry->second = is_conditional(static_cast<uint64_t>(word));
    }
    return entry->second;
  }

  static void print_spread(const char* name, const std::vector<Call>& calls,
                           uint32_t Call::*member) {
    std::vector<uint32_t> values;
    std::map<uint32_t, size_t> counts;
    double sum = 0;
    for (const Call& call : calls) {
      values.push_back(call.*member);
      ++counts[call.*member];
      sum += call.*member;
    }
    std::sort(values.begin(), values.end());
    const auto commonest = std::max_element(
        counts.begin(), counts.end(),
        [](const auto& left, const auto& right) { return left.second < right.second; });
    printf(
        "\"%s\": {\"min\": %u, \"commonest\": %u, \"share\": %.3f, \"mean\": %.2f, "
        "\"p99\": %u, \"max\": %u}",
        name, values.front(), commonest->first,
        static_cast<double>(commonest->second) / static_cast<double>(values.size()),
        sum / static_cast<double>(values.size()), values[values.size() * 99 / 100], values.back());
  }

  pid_t pid_;
  uint64_t starts_[kKinds];
  std::vector<Call> calls_[kKinds];
  std::unordered_map<uint64_t, bool> conditional_;
  size_t kind_ = kOutside;
  bool at_site_ = false;
  bool inside_ = false;
  uint64_t site_stack_ = 0;
  Call current_{0, 0};
  int pending_signal_ = 0;
};

std::string driver_path() {
  std::string path(4096, '\0');
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) die("cannot find my own file");
  path.resize(static_cast<size_t>(length));
  return path.substr(0, path.rfind('/')) + "/hakmem-count-driver";
}

[[noreturn]] void become_driver(int output, const char* path, const char* ops) {
  const std::string driver = driver_path();
  dup2(output, 1);
  // The same addresses in every run, so that what depends on them does not vary.
  personality(ADDR_NO_RANDOMIZE);
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  execl(driver.c_str(), driver.c_str(), path, ops, "step", nullptr);
  die("cannot start " + driver);
}

// Lets the driver warm up, until it stops itself; what it ended with if it does not get there.
int run_to_stop(pid_t pid) {
  int status = 0;
  for (;;) {
    if (waitpid(pid, &status, 0) < 0) die("lost the driver");
    if (!WIFSTOPPED(status)) return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    const int signal = WSTOPSIG(status);
    if (signal == SIGSTOP) return 0;
    if (ptrace(PTRACE_CONT, pid, nullptr, signal == SIGTRAP ? 0 : signal) != 0) {
      die("cannot continue the driver");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: hakmem-step PATH OPS [NAME=VALUE...]\n");
    return 2;
  }
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) die("no pipe");
  const pid_t pid = fork();
  if (pid < 0) die("cannot fork");
  if (pid == 0) {
    for (int i = 3; i < argc; ++i) {
      if (!strchr(argv[i], '=')) die("not NAME=VALUE: " + std::string(argv[i]));
      putenv(argv[i]);
    }
    become_driver(pipe_ends[1], argv[1], argv[2]);
  }
  close(pipe_ends[1]);
  if (run_to_stop(pid) != 0) die("the driver did not get to its measured part");
  uint64_t starts[kKinds];
  if (read(pipe_ends[0], starts, sizeof starts) != sizeof starts) die("the driver said nothing");
  Tracer tracer(pid, starts);
  if (const int status = tracer.run()) die("the driver ended with " + std::to_string(status));
  tracer.print();
  return 0;
}
