// hakmem check: the program on the Debug library, to its end, and then what was wrong.
#include <errno.h>
#include <fmt/core.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "launch.h"
#include "profile.h"
#include "reports.h"

using nlohmann::json;

namespace hak::cli {
namespace {

volatile sig_atomic_t g_child = 0;

void forward(int signal_number) {
  if (g_child > 0) kill(static_cast<pid_t>(g_child), signal_number);
}

/// A folder that goes away with everything in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    const char* base = getenv("TMPDIR");
    path_ = std::string(base && *base ? base : "/tmp") + "/hakmem-XXXXXX";
    if (!mkdtemp(path_.data()))
      throw Failure(fmt::format("cannot make {}: {}", path_, strerror(errno)), kOwnFailure);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Runs the program in a child and waits; its exit status as a shell gives it. The environment is the
/// child's alone.
int run_child(const Launch& launch, const ScratchFolder& scratch) {
  const pid_t child = fork();
  if (child < 0) throw Failure(fmt::format("fork: {}", strerror(errno)), kOwnFailure);
  if (child == 0) {
    try {
      Launch inside = launch;
      inside.report = scratch.file("report");
      setenv("HAKMEM_ON_FAULT", "continue", 1);
      setenv("HAKMEM_HEAP_PROFILE", scratch.file("profile").c_str(), 1);
      setenv("HAKMEM_LEAKS", scratch.file("leaks").c_str(), 1);
      prepare_environment(inside, true);
      warn_if_deaf(inside.command[0]);
      execute(inside);
    } catch (const Failure& failure) {
      fmt::print(stderr, "hakmem: {}\n", failure.what());
      fflush(stderr);
      _exit(failure.status);
    }
  }
  g_child = child;
  // The terminal's signals reach the child by themselves; the others are passed on.
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  struct sigaction pass = {};
  pass.sa_handler = forward;
  sigaction(SIGTERM, &pass, nullptr);
  sigaction(SIGHUP, &pass, nullptr);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw Failure(fmt::format("waitpid: {}", strerror(errno)), kOwnFailure);
  }
  g_child = 0;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string read_if_there(const std::string& path) {
  return access(path.c_str(), F_OK) == 0 ? read_file(path) : std::string{};
}

struct Blocks {
  unsigned long blocks = 0, bytes = 0;
  std::string unknown;  ///< why nothing is known of them; empty if something is
  std::string note;     ///< on how well it is known
  std::vector<Site> sites;
};

/// What was lost, and what was not.
struct Held {
  Blocks lost, reachable;
};

/// The rest of the first line that begins so; empty if there is none.
std::string line_behind(const std::string& text, const std::string& begin) {
  const auto at = ("\n" + text).find("\n" + begin);
  if (at == std::string::npos) return "";
  const auto from = at + begin.size();
  return text.substr(from, text.find('\n', from) - from);
}

Held held_at_exit(const ScratchFolder& scratch) {
  const std::string all = read_if_there(scratch.file("profile")), leaks = read_if_there(scratch.file("leaks"));
  Held held;
  held.lost.sites = parse_profile(leaks);
  held.reachable.sites = without(parse_profile(all), held.lost.sites);
  for (Blocks* part : {&held.lost, &held.reachable}) {
    part->unknown = line_behind(leaks, "hakmem: what is lost is not known: ");
    if (part->unknown.empty() && all.empty()) part->unknown = "the program ended without its exit handlers";
    for (const Site& site : part->sites) {
      part->blocks += site.blocks;
      part->bytes += site.bytes;
    }
  }
  held.lost.note = line_behind(leaks, "hakmem: threads could not be stopped: ");
  return held;
}

/// Leaves the sites to be shown, with functions and lines.
void choose_sites(Held* held, const CheckChoices& choices) {
  if (!choices.reachable) held->reachable.sites.clear();
  std::vector<Frame*> frames;
  for (Blocks* part : {&held->lost, &held->reachable}) {
    if (part->sites.size() > choices.sites) part->sites.resize(choices.sites);
    for (Site& site : part->sites)
      for (Frame& frame : site.stack) frames.push_back(&frame);
  }
  resolve_frames(frames);
}

std::string count_text(unsigned long bytes, unsigned long blocks) {
  return fmt::format("{} byte{} in {} block{}\n", bytes, bytes == 1 ? "" : "s", blocks, blocks == 1 ? "" : "s");
}

std::string blocks_text(const char* what, const Blocks& part) {
  if (!part.unknown.empty()) return fmt::format("{} at exit: not known, {}\n", what, part.unknown);
  std::string out = fmt::format("{} at exit: ", what) + count_text(part.bytes, part.blocks);
  if (!part.note.empty()) out += fmt::format("  threads could not be stopped: {}\n", part.note);
  for (const Site& site : part.sites) {
    out += "  " + count_text(site.bytes, site.blocks);
    for (std::size_t i = 0; i < site.stack.size() && i < 6; ++i) out += "    " + frame_text(site.stack[i]) + "\n";
  }
  return out;
}

void print_summary(const std::vector<Distinct>& faults, const Held& held, std::size_t reports) {
  std::string out = "== hakmem check ==\n" + to_text(faults);
  out += fmt::format("{} distinct fault{} in {} report{}\n", faults.size(), faults.size() == 1 ? "" : "s", reports,
                     reports == 1 ? "" : "s");
  fmt::print(stderr, "{}{}{}", out, blocks_text("lost", held.lost), blocks_text("still reachable", held.reachable));
}

json to_json(const Blocks& part) {
  json sites = json::array();
  for (const Site& site : part.sites) {
    json stack = json::array();
    for (const Frame& frame : site.stack) stack.push_back(frame_text(frame));
    sites.push_back({{"blocks", site.blocks}, {"bytes", site.bytes}, {"stack", stack}});
  }
  json out = {{"known", part.unknown.empty()}, {"blocks", part.blocks}, {"bytes", part.bytes}, {"sites", sites}};
  if (!part.unknown.empty()) out["why"] = part.unknown;
  if (!part.note.empty()) out["note"] = part.note;
  return out;
}

json summary_json(const std::vector<Distinct>& faults, const Held& held, std::size_t reports, int status) {
  json list = json::array();
  for (const Distinct& entry : faults) list.push_back(to_json(entry));
  return {{"exit_status", status},          {"reports", reports},
          {"faults", list},                 {"lost", to_json(held.lost)},
          {"reachable", to_json(held.reachable)}};
}

}  // namespace

int check_command(const Launch& launch, const CheckChoices& choices) {
  if (!choices.report.empty() && access(choices.report.c_str(), F_OK) == 0)
    throw Failure(choices.report + " is there already", kOwnFailure);
  const ScratchFolder scratch;
  const int status = run_child(launch, scratch);
  const std::string text = read_if_there(scratch.file("report"));
  const std::vector<Report> reports = parse_reports(text);
  std::vector<Distinct> faults = distinct_of(reports);
  resolve(&faults);
  Held held = held_at_exit(scratch);
  choose_sites(&held, choices);
  if (!choices.report.empty()) write_output(choices.report, text, false);
  if (choices.json) {
    const json out = summary_json(faults, held, reports.size(), status);
    fmt::print("{}\n", out.dump(2, ' ', false, json::error_handler_t::replace));
  } else {
    print_summary(faults, held, reports.size());
  }
  // Without the exit handlers nobody can say that nothing was lost.
  const bool leaks = choices.fail_on_leaks && (held.lost.blocks || !held.lost.unknown.empty());
  return status == 0 && (!faults.empty() || leaks) ? 1 : status;
}

}  // namespace hak::cli
