// hakmem replay: makes a plan of a trace and lets a fresh process run it on an allocator; scripts of
// the heap language go to the program that has their oracle.
#include <errno.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "../replay/plan.h"
#include "base/fault.h"
#include "cli.h"
#include "library.h"
#include "reports.h"
#include "trace.h"

using nlohmann::json;

namespace hak::cli {
namespace {

using replay::Entry;
using replay::Op;
using replay::Plan;
using replay::Turn;

/// A fault as the trace and the replay see it.
struct Verdict {
  std::string fault;
  u64 place;  ///< relative to the base
  bool operator==(const Verdict& other) const { return fault == other.fault && place == other.place; }
};

class Planner {
 public:
  explicit Planner(const Trace& trace) : trace_(trace) {
    entries_.reserve(trace.records());
    trace.each([&](const TraceRecord& record, u32 thread) { take(record, thread); });
    if (!turns_.empty()) turns_.back().end = entries_.size();
    mark_last_turns();
  }

  /// The plan in a file without a name, which the child inherits.
  int write() const {
    const int fd = memfd_create("hakmem-plan", 0);
    const Plan head = {entries_.size(), turns_.size(), thread_ids_.size(), blocks_};
    if (fd < 0 || !put(fd, &head, sizeof head) || !put(fd, entries_.data(), entries_.size() * sizeof(Entry)) ||
        !put(fd, turns_.data(), turns_.size() * sizeof(Turn)))
      throw Failure(fmt::format("cannot write the plan: {}", strerror(errno)));
    return fd;
  }
  const std::vector<Verdict>& verdicts() const { return verdicts_; }
  bool empty() const { return entries_.empty(); }

 private:
  static bool put(int fd, const void* from, std::size_t bytes) {
    const char* at = static_cast<const char*>(from);
    while (bytes) {
      const ssize_t done = ::write(fd, at, bytes);
      if (done <= 0) return false;
      at += done;
      bytes -= static_cast<std::size_t>(done);
    }
    return true;
  }
  u64 place(u64 address) const { return address - trace_.header().base; }
  bool in_arena(u64 address) const { return place(address) < trace_.header().reserved_bytes; }

  void turn_to(u32 thread) {
    const auto [at, fresh] = thread_ids_.try_emplace(thread, static_cast<u32>(thread_ids_.size()));
    if (!turns_.empty() && turns_.back().thread == at->second) return;
    if (!turns_.empty()) turns_.back().end = entries_.size();
    turns_.push_back({at->second, 0, entries_.size(), entries_.size()});
  }

  u32 fresh_block(u64 address) {
    u32 block = 0;
    if (spare_.empty()) {
      block = blocks_++;
    } else {
      block = spare_.back();
      spare_.pop_back();
    }
    live_[address] = block;
    return block;
  }

  /// Names the block that an operation is given; `gone`: it is freed by it.
  void give(Entry* entry, u64 address, bool gone) {
    const auto found = live_.find(address);
    if (found != live_.end()) {
      entry->block = found->second;
      entry->place = place(address);
      if (!gone) return;
      spare_.push_back(found->second);
      live_.erase(found);
      return;
    }
    entry->flags = static_cast<u8>(replay::kRaw | (in_arena(address) ? replay::kInArena : 0));
    entry->place = in_arena(address) ? place(address) : address;
  }

  void add_result(Op op, const TraceRecord& record) {
    Entry entry = {0, op, record.api, record.align_shift, 0, record.size, 0};
    if (record.address) {
      entry.block = fresh_block(record.address);
      entry.place = place(record.address);
    } else {
      entry.flags = replay::kRaw;  // it failed, and must again
    }
    entries_.push_back(entry);
  }

  void add_given(Op op, const TraceRecord& record, bool gone) {
    Entry entry = {0, op, record.api, record.align_shift, 0, record.size, 0};
    give(&entry, record.address, gone);
    entries_.push_back(entry);
  }

  void take(const TraceRecord& record, u32 thread) {
    if (record.op == TraceOp::kFault) {
      const auto fault = static_cast<Fault>(record.size);
      verdicts_.push_back({fault_id(fault), in_arena(record.address) ? place(record.address) : ~u64{0}});
      return;
    }
    turn_to(thread);
    switch (record.op) {
      case TraceOp::kAllocate: return add_result(Op::kAllocate, record);
      case TraceOp::kCalloc: return add_result(Op::kCalloc, record);
      case TraceOp::kAligned: return add_result(Op::kAligned, record);
      case TraceOp::kFree: return add_given(Op::kFree, record, true);
      case TraceOp::kFreeSized: return add_given(Op::kFreeSized, record, true);
      case TraceOp::kUsable: return add_given(Op::kUsable, record, false);
      case TraceOp::kReallocBegin:
        // The block stays live until the result shows whether it was replaced.
        add_given(Op::kRealloc, record, false);
        entries_.push_back({0, Op::kResult, record.api, 0, replay::kRaw, record.size, 0});
        pending_[thread] = {entries_.size() - 2, record.address};
        return;
      case TraceOp::kReallocEnd: return end_realloc(record, thread);
      case TraceOp::kPurge: entries_.push_back({0, Op::kPurge, 0, 0, 0, 0, 0}); return;
      case TraceOp::kThreadExit: exited_.push_back(thread); return;
      default: return;
    }
  }

  void end_realloc(const TraceRecord& record, u32 thread) {
    const auto found = pending_.find(thread);
    if (found == pending_.end()) return;
    const auto [at, given] = found->second;
    pending_.erase(found);
    if (!record.address) return;
    // What another thread got at the old address meanwhile is its own.
    const auto old = live_.find(given);
    if (old != live_.end() && !(entries_[at].flags & replay::kRaw) && old->second == entries_[at].block) {
      live_.erase(old);
      spare_.push_back(entries_[at].block);
    }
    Entry& result = entries_[at + 1];
    result.flags = 0;
    result.block = fresh_block(record.address);
    result.place = place(record.address);
  }

  void mark_last_turns() {
    for (const u32 thread : exited_) {
      const u32 id = thread_ids_[thread];
      for (std::size_t i = turns_.size(); i-- > 0;) {
        if (turns_[i].thread != id) continue;
        turns_[i].last = id != 0;
        break;
      }
    }
  }

  const Trace& trace_;
  std::vector<Entry> entries_;
  std::vector<Turn> turns_;
  std::vector<Verdict> verdicts_;
  std::vector<u32> exited_;
  std::vector<u32> spare_;
  std::unordered_map<u64, u32> live_;
  std::unordered_map<u32, u32> thread_ids_;
  std::unordered_map<u32, std::pair<std::size_t, u64>> pending_;
  u32 blocks_ = 0;
};

struct Target {
  std::string library;  ///< empty: libc
  bool hakmem = false;
};

Target target_of(const ReplayChoices& choices) {
  if (choices.allocator == "libc") return {};
  if (choices.allocator != "hakmem") return {find_library(Build::kRelease, choices.allocator, kUsageStatus), false};
  return {find_library(choices.debug ? Build::kDebug : Build::kRelease, choices.library, kUsageStatus), true};
}

[[noreturn]] void become_engine(const Trace& trace, const Target& target, int plan, bool check, int answer,
                                const std::string& report) {
  const std::string engine = find_helper("replay-trace", "replay-trace");
  // Nothing of the caller's settings may reach the run.
  unsetenv("HAKMEM_TRACE");
  if (target.library.empty()) {
    unsetenv("LD_PRELOAD");
  } else {
    setenv("LD_PRELOAD", target.library.c_str(), 1);
  }
  for (const auto& [name, value] : trace.settings())
    if (name.rfind("HAKMEM_", 0) == 0) setenv(name.c_str(), value.c_str(), 1);
  setenv("HAKMEM_SEED", fmt::format("{}", trace.header().seed).c_str(), 1);
  setenv("HAKMEM_REPORT", report.c_str(), 1);
  const std::string plan_text = fmt::format("{}", plan), answer_text = fmt::format("{}", answer);
  execl(engine.c_str(), engine.c_str(), plan_text.c_str(), answer_text.c_str(), check ? "check" : "free",
        target.library.empty() ? "-" : target.library.c_str(), nullptr);
  fmt::print(stderr, "hakmem: cannot run {}: {}\n", engine, strerror(errno));
  fflush(stderr);
  _exit(kCannotExecute);
}

std::vector<Verdict> verdicts_of(const std::string& text, u64 base, u64 reserved) {
  std::vector<Verdict> verdicts;
  for (const Report& report : parse_reports(text)) {
    const u64 place = strtoull(report.address.c_str(), nullptr, 16) - base;
    verdicts.push_back({report.fault, place < reserved ? place : ~u64{0}});
  }
  return verdicts;
}

json run_once(const Trace& trace, const Planner& planner, const Target& target, bool check) {
  const int plan = planner.write();
  const int answer = memfd_create("hakmem-answer", 0), report = memfd_create("hakmem-report", 0);
  if (answer < 0 || report < 0) throw Failure(fmt::format("memfd_create: {}", strerror(errno)));
  fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw Failure(fmt::format("fork: {}", strerror(errno)));
  if (child == 0) become_engine(trace, target, plan, check, answer, fmt::format("fd:{}", report));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  replay::Answer said = {};
  const ssize_t got = pread(answer, &said, sizeof said, 0);
  const std::string reports = read_file(fmt::format("/proc/self/fd/{}", report));
  for (const int fd : {plan, answer, report}) close(fd);
  if (got != static_cast<ssize_t>(sizeof said) || !said.ready)
    throw Failure(fmt::format("the replay did not start (status {:#x})", status));
  json result = {{"done", said.done}, {"seconds", static_cast<double>(said.nanoseconds) / 1e9},
                 {"mismatches", said.mismatches}, {"first_mismatch", said.first_mismatch}, {"base", said.base},
                 {"peak_kib", said.peak_kib}, {"checked", check}};
  result["signal"] = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (target.hakmem) {
    const auto found = verdicts_of(reports, result["base"], trace.header().reserved_bytes);
    result["faults"] = found.size();
    result["same_faults"] = found == planner.verdicts();
  }
  return result;
}

void print_result(const std::string& path, const json& result, bool hakmem) {
  fmt::print("{}: {} operations in {:.3f} s ({:.1f} ns each), peak {} KiB", path, result["done"].get<u64>(),
             result["seconds"].get<double>(),
             1e9 * result["seconds"].get<double>() / static_cast<double>(std::max<u64>(1, result["done"])),
             result["peak_kib"].get<u64>());
  if (hakmem && result["checked"].get<bool>())
    fmt::print(", {} addresses differ", result["mismatches"].get<u64>());
  if (hakmem && result["faults"].get<u64>())
    fmt::print(", {} faults {}", result["faults"].get<u64>(), result["same_faults"].get<bool>() ? "as recorded" : "DIFFER");
  fmt::print("\n");
}

bool replay_trace(const std::string& path, const ReplayChoices& choices) {
  const Trace trace(path);
  const Planner planner(trace);
  if (planner.empty()) throw Failure(path + " holds no operations");
  const Target target = target_of(choices);
  bool good = true;
  for (unsigned i = 0; i < choices.repeat; ++i) {
    const bool check = choices.check && target.hakmem;
    json result = run_once(trace, planner, target, check);
    result["trace"] = path;
    result["allocator"] = choices.allocator;
    result["threads"] = trace.threads();
    if (choices.json) {
      fmt::print("{}\n", result.dump());
    } else {
      print_result(path, result, target.hakmem);
    }
    // Threads that start at once take their numbers, and with them their random streams, in the order
    // in which they get there: addresses are compared where there is one thread.
    if (check && trace.threads() == 1 && result["mismatches"] != 0) good = false;
    if (target.hakmem && !result["same_faults"].get<bool>()) good = false;
    const bool may_die = !planner.verdicts().empty();
    if (result["signal"] != 0 && !may_die)
      throw Failure(fmt::format("{}: the replay died of signal {}", path, result["signal"].get<int>()));
  }
  return good;
}

int replay_script(const std::string& path) {
  const std::string helper = find_helper("hakmem-replay", "../props/hakmem-replay");
  const pid_t child = fork();
  if (child < 0) throw Failure(fmt::format("fork: {}", strerror(errno)));
  if (child == 0) {
    execl(helper.c_str(), helper.c_str(), path.c_str(), nullptr);
    _exit(kCannotExecute);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

int replay_command(const ReplayChoices& choices) {
  int status = 0;
  for (const std::string& path : choices.files) {
    if (!is_trace(path)) {
      status = std::max(status, replay_script(path));
    } else if (!replay_trace(path, choices)) {
      status = std::max(status, 1);
    }
  }
  return status;
}

}  // namespace hak::cli
