// How the process of a script is started, and what it must say about that.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <iterator>

#include "abi/process.h"
#include "system/c_abi.h"
#include "system/kernel_os.h"
#include "system/old_kernel.h"
#include "system/prefixed.h"

namespace hak::props {
namespace {

constexpr const char* kNowhere = "/nonexistent/file";

bool is_number(const std::string& text, u64 most) {
  const bool hex = text.compare(0, 2, "0x") == 0 || text.compare(0, 2, "0X") == 0;
  const std::string digits = hex ? text.substr(2) : text;
  if (digits.empty() || digits.find_first_not_of(hex ? "0123456789abcdefABCDEF" : "0123456789") != std::string::npos)
    return false;
  errno = 0;
  const unsigned long long value = strtoull(digits.c_str(), nullptr, hex ? 16 : 10);
  return errno == 0 && value <= most;
}

bool is_named(const std::string& text, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (text == name) return true;
  return false;
}

/// The option behind a variable that is one.
bool option_of(Variable variable, OptionId* id) {
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    if (strcmp(option_info(static_cast<OptionId>(i)).name, variable_name(variable)) != 0) continue;
    *id = static_cast<OptionId>(i);
    return true;
  }
  return false;
}

std::string text_of(Variable variable, const std::string& word) {
  if (word == "fd" || (variable == Variable::kReport && !is_named(word, {"file", "missing", "long", "empty", "fd:x"})))
    return "fd:" + std::to_string(kReportFd);
  if (word == "file" && variable == Variable::kReport) return "/proc/self/fd/" + std::to_string(kReportFd);
  if (word == "missing") return kNowhere;
  if (word == "long") return std::string(300, 'x');
  return word == "empty" ? "" : word;
}

/// Room for 4 GiB more than what is mapped: less than the heap would reserve.
void limit_address_space(rlimit* before) {
  getrlimit(RLIMIT_AS, before);
  unsigned long long pages = 0;
  if (FILE* file = fopen("/proc/self/statm", "re")) {
    if (fscanf(file, "%llu", &pages) != 1) pages = 0;
    fclose(file);
  }
  rlimit limit = *before;
  limit.rlim_cur = pages * kPageBytes + (rlim_t{4} << 30);
  setrlimit(RLIMIT_AS, &limit);
}

}  // namespace

bool setting_of(const Script& script, Variable variable, std::string* text) {
  bool found = false;
  for (const Op& op : script.ops) {
    if (op.kind != OpKind::kEnv || static_cast<Variable>(op.word) != variable) continue;
    *text = text_of(variable, value_word(op.a));
    found = true;
  }
  return found;
}

bool is_accepted(Variable variable, const std::string& text) {
  OptionId id = OptionId::kProfile;
  if (!option_of(variable, &id)) {
    if (text.empty() || text.size() >= Options::kMaxTarget) return false;
    return text.compare(0, 3, "fd:") != 0 || (variable != Variable::kTrace && is_number(text.substr(3), 1U << 20) &&
                                              text.compare(3, 2, "0x") != 0);
  }
  switch (variable) {
    case Variable::kProfile: return is_named(text, {"fast", "hardened", "paranoid"});
    case Variable::kStats: return is_named(text, {"off", "sampled", "every"});
    case Variable::kForeign: return is_named(text, {"abort", "ignore", "libc"});
    default: return is_number(text, option_info(id).max);
  }
}

bool asks_for_profile(const Script& script) {
  std::string text;
  return setting_of(script, Variable::kHeapProfile, &text) && is_accepted(Variable::kHeapProfile, text);
}

/// One line for each setting that is not taken, naming it, and for what could not be done.
std::string CAbiSystem::check_start(const std::string& said) const {
  std::size_t want = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(Variable::kNoEnviron); ++i) {
    const auto variable = static_cast<Variable>(i);
    std::string text;
    if (!setting_of(*script_, variable, &text)) continue;
    OptionId id = OptionId::kProfile;
    const bool fixed = option_of(variable, &id) && option_info(id).change == OptionChange::kFixed;
    if (!fixed && is_accepted(variable, text)) continue;
    ++want;
    if (said.find(std::string("hakmem: ") + variable_name(variable)) == std::string::npos)
      return std::string("nothing is said of ") + variable_name(variable) + "=" + text;
  }
  std::string path;
  const bool traced = setting_of(*script_, Variable::kTrace, &path) && is_accepted(Variable::kTrace, path);
  if (traced && path == kNowhere && !is_libc() && !starved_) ++want;
  if (starved_ && !is_libc()) ++want;
  std::size_t lines = 0;
  for (std::size_t at = said.find("hakmem: "); at != std::string::npos; at = said.find("hakmem: ", at + 1)) ++lines;
  return lines == want ? "" : "the start says " + std::to_string(lines) + " lines, must be " + std::to_string(want) +
                                  ": " + said;
}

std::vector<std::pair<std::string, std::string>> start_environment_of(const Script& script) {
  static constexpr const char* kProfiles[] = {"fast", "hardened", "paranoid"};
  std::vector<std::pair<std::string, std::string>> all = {
      {"HAKMEM_PROFILE", kProfiles[static_cast<unsigned>(script.profile)]},
      {"HAKMEM_GUARDS", script.guards ? "1" : "0"},
      {"HAKMEM_SEED", std::to_string(script.seed)},
      {"HAKMEM_ROUTE_MASK", std::to_string(script.route_mask)},
      {"HAKMEM_FASTLANE_CLASS_MASK", std::to_string(script.lane_mask)},
      {"HAKMEM_ON_FAULT", "continue"},
      {"HAKMEM_GUARD_SAMPLE", "0"},
      {"HAKMEM_REPORT", "fd:" + std::to_string(kReportFd)}};
  for (unsigned i = 0; i < static_cast<unsigned>(Variable::kNoEnviron); ++i) {
    std::string text;
    if (setting_of(script, static_cast<Variable>(i), &text)) all.emplace_back(variable_name(static_cast<Variable>(i)), text);
  }
  // The list of variables is closed: who asks for the profile gets what is lost with it.
  std::string text;
  if (asks_for_profile(script) && setting_of(script, Variable::kHeapProfile, &text))
    all.emplace_back("HAKMEM_LEAKS", text.compare(0, 3, "fd:") == 0 ? "fd:" + std::to_string(kLeaksFd) : kLeaksName);
  return all;
}

bool CAbiSystem::reset(const Script& script) {
  script_ = &script;
  for (const auto& [name, value] : start_environment_of(script)) setenv(name.c_str(), value.c_str(), 1);
  // Names of files are relative to the script's own directory; "file" is there already.
  if (chdir(files_.directory().c_str()) != 0) return false;
  files_.write("file", "");
  dup2(kErrorFd, STDERR_FILENO);
  struct sigaction action;
  sigaction(SIGSEGV, nullptr, &action);
  std::string text;
  if (!script.light_guards) pretend_old_kernel();
  starved_ = setting_of(script, Variable::kNoMemory, &text);
  if (starved_) KernelOs::fail_always(OsCall::kReserve);
  const bool limited = setting_of(script, Variable::kAddressLimit, &text);
  rlimit before;
  if (limited) limit_address_space(&before);
  char** const kept = environ;
  if (setting_of(script, Variable::kNoEnviron, &text)) environ = nullptr;
  thread_start(0);
  hk_free(hk_malloc(1));
  environ = kept;
  if (limited) setrlimit(RLIMIT_AS, &before);
  served_ = 0;
  unasked_ = 1;
  starved_ = starved_ && !is_libc();
  reports_accesses_ = action.sa_handler == SIG_DFL && g_heap.ready && g_heap.options.on(OptionId::kSegvReport);
  KernelOs::take_failures();
  const std::string wrong = check_start(read_errors());
  if (!wrong.empty()) start_error_ = wrong;
  return g_heap.ready || starved_ || is_libc();
}

std::string CAbiSystem::last_check() {
  KernelOs::disarm();
  forbid_opening(false);
  if (!start_error_.empty()) return start_error_;
  std::string path;
  const bool traced = setting_of(*script_, Variable::kTrace, &path) && is_accepted(Variable::kTrace, path);
  if (traced && path != kNowhere && !is_libc() && !starved_) {
    const u64 served = descriptors_closed_ ? 0 : served_ + unasked_;
    const std::string wrong = check_trace(files_, served, foreign() == Foreign::kAbort);
    if (!wrong.empty()) return wrong;
  }
  said_ += read_errors();
  // Once, and only where the file is gone.
  static const std::string kEnds = "hakmem: the trace ends here: the file was closed or cannot grow\n";
  if (const std::size_t at = said_.find(kEnds); traced && descriptors_closed_ && at != std::string::npos)
    said_.erase(at, kEnds.size());
  return ("\n" + said_).find("\nhakmem: ") == std::string::npos ? "" : "said in the end: " + said_;
}

}  // namespace hak::props
