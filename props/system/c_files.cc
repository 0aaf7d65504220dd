#include "system/c_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>
#include <vector>

#include "abi/process.h"
#include "abi/trace_format.h"
#include "core/tracker.h"
#include "hakmem.h"
#include "system/kernel_os.h"
#include "system/old_kernel.h"
#include "system/prefixed.h"

namespace hak::props {
namespace {

/// The blocks that are left: some that nothing points to, and two that are kept, one by the other's last word,
/// which points to its last byte.
constexpr std::size_t kLost = 64, kLostBytes = 100, kKeeperBytes = 100000, kKeptBytes = 60;
constexpr std::size_t kLeftBytes = kLost * kLostBytes + kKeeperBytes + kKeptBytes;
void* volatile keeper;

void open_at(const char* name, int fd) {
  const int made = memfd_create(name, 0);
  if (made < 0 || dup2(made, fd) < 0) {
    perror("props: no descriptor for what the process writes");
    exit(2);
  }
  if (made != fd) close(made);
}

}  // namespace

ScriptFiles::ScriptFiles() {
  open_at("reports", kReportFd);
  open_at("errors", kErrorFd);
  open_at("leaks", kLeaksFd);
  const char* base = getenv("TMPDIR");
  directory_ = std::string(base ? base : "/tmp") + "/hakmem-script.XXXXXX";
  if (!mkdtemp(directory_.data())) {
    perror("props: no directory for what the process writes");
    exit(2);
  }
}

ScriptFiles::~ScriptFiles() {
  if (!owner_) return;
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
  close(kReportFd);
  close(kErrorFd);
  close(kLeaksFd);
}

std::string ScriptFiles::read_new(int fd, long* from) const {
  const off_t end = lseek(fd, 0, SEEK_END);
  if (end <= *from) return "";
  std::string text(static_cast<std::size_t>(end - *from), 0);
  if (pread(fd, text.data(), text.size(), *from) < 0) return "";
  *from = end;
  return text;
}

std::string ScriptFiles::read(const std::string& name) const {
  std::ifstream file(directory_ + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string ScriptFiles::find(const std::string& magic) const {
  std::string found;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    const std::string name = entry.path().filename().string();
    if (read(name).compare(0, magic.size(), magic) != 0) continue;
    if (!found.empty()) return "";
    found = name;
  }
  return found;
}

void ScriptFiles::write(const std::string& name, const std::string& content) const {
  std::ofstream(directory_ + "/" + name, std::ios::binary) << content;
}

// ---- what is written when the process ends ----

namespace {

/// Far below, so that no frame of the exit has the place of a pointer.
[[gnu::noinline]] void drop_blocks() {
  char volatile room[65536];
  for (char volatile& byte : room) byte = 0;
  for (std::size_t i = 0; i < kLost; ++i)
    if (void* p = hk_malloc(kLostBytes)) asm volatile("" ::"r"(p));
  auto* kept = static_cast<std::byte*>(hk_malloc(kKeptBytes));
  auto* large = static_cast<std::byte*>(hk_malloc(kKeeperBytes));
  if (kept && large) {
    const std::byte* last = kept + kKeptBytes - 1;
    memcpy(large + kKeeperBytes - sizeof last, &last, sizeof last);
  }
  keeper = large;
  kept = nullptr;
  for (char volatile& byte : room) byte = 0;
}

}  // namespace

bool fails_at_exit(const Script& script) { return !script.ops.empty() && script.ops.back().kind == OpKind::kOsFail; }

bool opens_nothing(const Script& script) {
  return !kSanitized && std::any_of(script.ops.begin(), script.ops.end(), [](const Op& op) {
    return op.kind == OpKind::kAsk && static_cast<Question>(op.word) == Question::kCloseDescriptors;
  });
}

void forbid_opening(bool forbidden) {
  if (kSanitized) return;
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = forbidden ? 0 : limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void leave_blocks(const ScriptFiles& files, const Script& script) {
  struct Sum {
    std::size_t blocks = 0, bytes = 0;
  } sum;
  drop_blocks();
  // Something to be stopped, if the script has threads at all.
  const bool threads = std::any_of(script.ops.begin(), script.ops.end(), [](const Op& op) { return op.thread != 0; });
  if (getenv("HAKMEM_LEAKS") && threads) std::thread([] { for (;;) pause(); }).detach();
  hakmem_walk(
      [](void*, std::size_t usable, void* to) {
        ++static_cast<Sum*>(to)->blocks;
        static_cast<Sum*>(to)->bytes += usable;
      },
      &sum);
  files.write(".left", std::to_string(sum.blocks) + " " + std::to_string(sum.bytes) + " " +
                           (g_heap.ready ? "ready" : "not") +
                           (g_heap.tracker && g_heap.tracker->tables().frames ? " stacks" : ""));
  forbid_opening(opens_nothing(script));
  if (fails_at_exit(script)) KernelOs::fail(static_cast<OsCall>(script.ops.back().word), script.ops.back().a);
}

namespace {

u64 number_after(const std::string& text, const std::string& key) {
  const std::size_t at = text.find(key);
  return at == std::string::npos ? ~u64{0} : strtoull(text.c_str() + at + key.size(), nullptr, 10);
}

/// What the process wrote to a target; false if the script names none that can be written.
bool written_to(const ScriptFiles& files, const Script& script, Variable target, std::string* text) {
  std::string value;
  if (!setting_of(script, target, &value) || !is_accepted(target, value) || value[0] == '/') return false;
  const bool descriptor = value.compare(0, 3, "fd:") == 0;
  if (!descriptor && opens_nothing(script)) return false;
  long from = 0;
  *text = descriptor ? files.read_new(kReportFd, &from) : files.read(value);
  return true;
}

std::string check_leaks(const ScriptFiles& files, const Script& script) {
  std::string path;
  const bool traced = setting_of(script, Variable::kTrace, &path) && is_accepted(Variable::kTrace, path);
  long from = 0;
  const std::string text = files.read_new(kLeaksFd, &from) + files.read(kLeaksName);
  static const std::string kUnknown = "hakmem: what is lost is not known: ";
  if (fails_at_exit(script) && text.find(kUnknown + "no memory") != std::string::npos) return "";
  if (opens_nothing(script) && (text.empty() || text.find(kUnknown + "/proc/self") != std::string::npos)) return "";
  static const std::string kRefusal = kUnknown + "the trace names every block\n";
  const u64 lost = number_after(text, "heap profile: ");
  const std::string total = "heap profile: " + std::to_string(lost) + ": " + std::to_string(lost * kLostBytes) + " [";
  // The script's system has ended, but memory that it freed may still name places that these blocks have now.
  const bool dropped = lost >= 1 && lost <= kLost && text.find(total) != std::string::npos;
  if (traced ? text.find(kRefusal) != std::string::npos : dropped) return "";
  return "what is lost at exit is not what was dropped: " + text.substr(0, 400);
}

}  // namespace

std::string check_exit_files(const ScriptFiles& files, const Script& script) {
  const std::string left = files.read(".left");
  char* end = nullptr;
  const u64 blocks = strtoull(left.c_str(), &end, 10);
  const u64 bytes = strtoull(end, nullptr, 10);
  const bool ready = left.find("ready") != std::string::npos;
  const bool stacks = left.find("stacks") != std::string::npos;  // there may have been no room for them
  if (left.empty()) return "the process did not come to its end";
  std::string text;
  if (written_to(files, script, Variable::kStatsFile, &text)) {
    if (!ready) return text.empty() ? "" : "statistics without a heap";
    if (number_after(text, "\"live_blocks\":") != blocks || number_after(text, "\"live_bytes\":") != bytes)
      return "the statistics at exit are not what was left: " + text;
  }
  const bool fails = fails_at_exit(script) && written_to(files, script, Variable::kHeapProfile, &text) &&
                     text.find("heap profile: ") == std::string::npos;
  if (written_to(files, script, Variable::kHeapProfile, &text) && ready && stacks && !fails) {
    const std::string total = std::to_string(blocks) + ": " + std::to_string(kLeftBytes) + " [";
    if (text.find("heap profile: " + total) == std::string::npos) return "the heap profile at exit has another total";
    u64 sum = 0;
    for (std::size_t at = text.find('\n'); at != std::string::npos && text[at + 1] != '\n'; at = text.find('\n', at + 1))
      sum += strtoull(text.c_str() + at + 1, nullptr, 10);
    if (sum != blocks) return "the stacks of the heap profile do not add up";
    const bool mapped = text.find("r-xp") != std::string::npos;
    if (text.find("MAPPED_LIBRARIES:\n") == std::string::npos || mapped == opens_nothing(script))
      return "the heap profile has no mappings";
  }
  return ready && stacks && asks_for_profile(script) ? check_leaks(files, script) : "";
}

// ---- the trace ----

namespace {

std::vector<TraceRecord> records_of(const std::string& content) {
  std::vector<std::pair<u64, TraceRecord>> all;
  for (std::size_t chunk = kTraceHeaderBytes; chunk + kTraceChunkBytes <= content.size(); chunk += kTraceChunkBytes) {
    TraceChunk head;
    memcpy(&head, content.data() + chunk, sizeof head);
    for (std::size_t at = sizeof head; at + sizeof(TraceRecord) <= kTraceChunkBytes; at += sizeof(TraceRecord)) {
      TraceRecord record;
      memcpy(&record, content.data() + chunk + at, sizeof record);
      if (record.op == TraceOp::kNone) break;
      const u64 order = head.first_order + static_cast<u32>(record.order - static_cast<u32>(head.first_order));
      all.emplace_back(order, record);
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<TraceRecord> records;
  for (const auto& [order, record] : all) records.push_back(record);
  return records;
}

/// The blocks that a trace says are live, after each of its records.
struct Account {
  std::set<u64> live;
  u64 served = 0;
  u64 moving = 0;  ///< the block of a realloc under way
  std::string wrong;

  void take(const TraceRecord& record, bool refused, bool knows_all) {
    switch (record.op) {
      case TraceOp::kAllocate:
      case TraceOp::kCalloc:
      case TraceOp::kAligned: return hand_out(record.address);
      case TraceOp::kFree:
      case TraceOp::kFreeSized:
        if (!refused) take_back(record.address, knows_all);
        return;
      case TraceOp::kReallocBegin: moving = refused ? 0 : record.address; return;
      case TraceOp::kReallocEnd:
        if (!record.address) return;
        if (moving) take_back(moving, knows_all);
        return hand_out(record.address);
      default: return;
    }
  }
  void hand_out(u64 address) {
    if (!address) return;
    ++served;
    if (!live.insert(address).second) wrong = "the trace hands a live block out";
  }
  void take_back(u64 address, bool knows_all) {
    if (address && !live.erase(address) && knows_all) wrong = "the trace frees a block that is not live";
  }
};

}  // namespace

std::string check_trace(const ScriptFiles& files, u64 served, bool knows_all_pointers) {
  const std::string name = files.find(std::string(kTraceMagic, sizeof kTraceMagic));
  if (name.empty()) return "there is no trace, or more than one";
  const std::string content = files.read(name);
  TraceHeader header;
  memcpy(&header, content.data(), sizeof header);
  if (header.base != g_heap.arena.base || header.seed != g_heap.seed) return "the trace is of another heap";
  const std::string text(header.text, header.text_bytes);
  if (text.find("build=") == std::string::npos || text.find("HAKMEM_PROFILE=") == std::string::npos)
    return "the trace does not say what was run";
  const std::vector<TraceRecord> records = records_of(content);
  Account account;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const bool refused = i + 1 < records.size() && records[i + 1].op == TraceOp::kFault &&
                         static_cast<Fault>(records[i + 1].size) != Fault::kWriteAfterFree;
    account.take(records[i], refused, knows_all_pointers);
    if (!account.wrong.empty()) return account.wrong + " (record " + std::to_string(i) + ")";
  }
  if (!served) return "";
  if (account.served != served)
    return "the trace has " + std::to_string(account.served) + " blocks, served were " + std::to_string(served);
  if (!account.live.empty()) return "the trace leaves " + std::to_string(account.live.size()) + " blocks live";
  return "";
}

}  // namespace hak::props
