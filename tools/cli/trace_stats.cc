// hakmem stats TRACE: how many operations of which kind and size, and how much was live.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "backing/geometry.h"
#include "base/fault.h"
#include "cli.h"
#include "trace.h"

using nlohmann::json;

namespace hak::cli {
namespace {

constexpr const char* kOpNames[] = {"",     "malloc",     "calloc", "aligned", "realloc",     "",
                                    "free", "free_sized", "usable", "fault",   "thread_exit", "purge"};
static_assert(sizeof kOpNames / sizeof kOpNames[0] == static_cast<std::size_t>(TraceOp::kCount));

struct Tally {
  u64 ops[static_cast<std::size_t>(TraceOp::kCount)] = {};
  u64 by_class[kClassCount + 1] = {};  ///< the last: large
  u64 allocated_bytes = 0, live_bytes = 0, peak_bytes = 0, live_blocks = 0, peak_blocks = 0;
  u64 served_bytes = 0;  ///< of the strides that serve what is live
  u64 peak_served = 0;
  u64 foreign_frees = 0; ///< by a thread that did not allocate
  std::unordered_map<u64, std::pair<u64, u32>> live;  ///< address: size and thread
  std::unordered_map<u32, u64> realloc_from;          ///< thread: block given

  static u64 served(u64 size) {
    return size <= kMaxSlabRequest ? kStrides[class_of_bytes(size)] : round_up(size, kPageBytes);
  }
  void add(u64 address, u64 size, u32 thread) {
    if (!address) return;
    ++by_class[size <= kMaxSlabRequest ? class_of_bytes(size) : kClassCount];
    allocated_bytes += size;
    live[address] = {size, thread};
    live_bytes += size;
    served_bytes += served(size);
    ++live_blocks;
    if (live_bytes > peak_bytes) peak_bytes = live_bytes, peak_served = served_bytes;
    peak_blocks = std::max(peak_blocks, live_blocks);
  }
  void remove(u64 address, u32 thread) {
    const auto found = live.find(address);
    if (found == live.end()) return;
    foreign_frees += found->second.second != thread;
    live_bytes -= found->second.first;
    served_bytes -= served(found->second.first);
    --live_blocks;
    live.erase(found);
  }
  void take(const TraceRecord& record, u32 thread) {
    ++ops[static_cast<std::size_t>(record.op)];
    switch (record.op) {
      case TraceOp::kAllocate:
      case TraceOp::kCalloc:
      case TraceOp::kAligned: add(record.address, record.size, thread); break;
      case TraceOp::kReallocBegin: realloc_from[thread] = record.address; break;
      case TraceOp::kReallocEnd:
        if (!record.address) break;
        remove(realloc_from[thread], thread);
        add(record.address, record.size, thread);
        break;
      case TraceOp::kFree:
      case TraceOp::kFreeSized: remove(record.address, thread); break;
      default: break;
    }
  }
};

json tally_json(const Trace& trace, const Tally& tally, const std::string& path) {
  json classes = json::array(), ops;
  for (unsigned c = 0; c <= kClassCount; ++c) {
    if (!tally.by_class[c]) continue;
    json usable = c < kClassCount ? json(kStrides[c] - 1) : json("large");
    classes.push_back({{"usable_bytes", usable}, {"allocations", tally.by_class[c]}});
  }
  for (std::size_t i = 0; i < sizeof kOpNames / sizeof kOpNames[0]; ++i)
    if (*kOpNames[i] && tally.ops[i]) ops[kOpNames[i]] = tally.ops[i];
  return {{"trace", path}, {"build", trace.settings().at("build")}, {"command", trace.settings().at("command")},
          {"seed", trace.header().seed}, {"records", trace.records()}, {"threads", trace.threads()},
          {"operations", ops}, {"allocated_bytes", tally.allocated_bytes}, {"peak_live_bytes", tally.peak_bytes},
          {"peak_live_blocks", tally.peak_blocks}, {"peak_served_bytes", tally.peak_served},
          {"live_at_end_bytes", tally.live_bytes}, {"live_at_end_blocks", tally.live_blocks},
          {"frees_by_other_threads", tally.foreign_frees}, {"classes", classes}};
}

}  // namespace

int trace_stats(const std::string& path, bool as_json) {
  const Trace trace(path);
  if (!trace.settings().count("build") || !trace.settings().count("command"))
    throw Failure(path + ": damaged header");
  Tally tally;
  trace.each([&](const TraceRecord& record, u32 thread) { tally.take(record, thread); });
  const json out = tally_json(trace, tally, path);
  if (as_json) {
    fmt::print("{}\n", out.dump(2, ' ', false, json::error_handler_t::replace));
    return 0;
  }
  const Colours& c = colours();
  fmt::print("{}{}{}\n{}\n{} records, {} threads, seed {:#x}\n", c.bold, trace.settings().at("command"), c.off,
             trace.settings().at("build"), trace.records(), trace.threads(), trace.header().seed);
  for (const auto& [name, count] : out["operations"].items()) fmt::print("  {:<20}{:>12}\n", name, count.get<u64>());
  for (const char* name : {"allocated_bytes", "peak_live_bytes", "peak_served_bytes", "peak_live_blocks",
                           "live_at_end_bytes", "frees_by_other_threads"})
    fmt::print("  {:<24}{:>14}\n", name, out[name].get<u64>());
  fmt::print("{}{:>10}{:>14}{}\n", c.dim, "usable", "allocations", c.off);
  for (const json& entry : out["classes"])
    fmt::print("{:>10}{:>14}\n", entry["usable_bytes"].dump(), entry["allocations"].get<u64>());
  return 0;
}

}  // namespace hak::cli
