// Reports as text for people, JSON, and SARIF 2.1.0 for code-scanning services.
#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <set>

#include "cli.h"
#include "reports.h"

using nlohmann::json;

namespace hak::cli {
namespace {

json frames_json(const std::vector<Frame>& frames) {
  json list = json::array();
  for (const Frame& frame : frames) {
    json entry = {{"address", frame.address}};
    if (!frame.module.empty()) entry["module"] = frame.module, entry["offset"] = frame.offset;
    if (!frame.function.empty()) entry["function"] = frame.function;
    if (frame.line) entry["file"] = frame.file, entry["line"] = frame.line;
    list.push_back(entry);
  }
  return list;
}

/// The first frame with a line, where a reader starts.
const Frame* place_of(const Report& report) {
  for (const std::vector<Frame>* stack : {&report.called_from, &report.allocated_by})
    for (const Frame& frame : *stack)
      if (frame.line) return &frame;
  return nullptr;
}

json sarif_location(const Frame& frame) {
  json location;
  if (frame.line) {
    location["physicalLocation"] = {{"artifactLocation", {{"uri", "file://" + frame.file}}},
                                    {"region", {{"startLine", frame.line}}}};
  } else if (!frame.module.empty()) {
    location["physicalLocation"] = {
        {"artifactLocation", {{"uri", "file://" + frame.module}}},
        {"address", {{"relativeAddress", strtoll(frame.offset.c_str(), nullptr, 16)}}}};
  } else {
    location["physicalLocation"] = {
        {"address", {{"absoluteAddress", strtoll(frame.address.c_str(), nullptr, 16)}}}};
  }
  location["message"]["text"] = frame_text(frame);
  return location;
}

json sarif_stack(const char* what, const std::vector<Frame>& frames) {
  json list = json::array();
  for (const Frame& frame : frames) list.push_back({{"location", sarif_location(frame)}});
  return {{"message", {{"text", what}}}, {"frames", list}};
}

json sarif_result(const Distinct& entry) {
  const Report& report = entry.first;
  json result = {{"ruleId", report.fault},
                 {"level", "error"},
                 {"message", {{"text", report.fault + " in " + report.api + ": " + report.text}}},
                 {"occurrenceCount", entry.count}};
  json stacks = json::array();
  if (!report.called_from.empty()) stacks.push_back(sarif_stack("called from", report.called_from));
  if (!report.freed_by.empty()) stacks.push_back(sarif_stack("freed by", report.freed_by));
  if (!report.allocated_by.empty()) stacks.push_back(sarif_stack("allocated by", report.allocated_by));
  if (!stacks.empty()) result["stacks"] = stacks;
  const Frame* place = place_of(report);
  if (!place && !report.called_from.empty()) place = &report.called_from.front();
  result["locations"] = json::array();
  if (place) result["locations"].push_back(sarif_location(*place));
  for (const auto& [key, value] : report.keys) result["properties"][key] = value;
  return result;
}

void append_stack(std::string* out, const std::string& title, const std::vector<Frame>& frames) {
  if (frames.empty()) return;
  *out += "  " + title + ":\n";
  const Colours& c = colours();
  for (std::size_t i = 0; i < frames.size(); ++i)
    *out += fmt::format("    {}#{:<2}{} {}\n", c.dim, i, c.off, frame_text(frames[i]));
}

}  // namespace

json to_json(const Distinct& entry) {
  const Report& report = entry.first;
  json out = {{"fault", report.fault}, {"api", report.api}, {"address", report.address},
              {"process", report.process}, {"text", report.text}, {"count", entry.count},
              {"details", report.details}, {"keys", report.keys},
              {"called_from", frames_json(report.called_from)}};
  if (!report.freed_by.empty()) out["freed_by"] = frames_json(report.freed_by);
  if (!report.allocated_by.empty()) out["allocated_by"] = frames_json(report.allocated_by);
  return out;
}

json to_sarif(const std::vector<Distinct>& reports) {
  json rules = json::array(), results = json::array();
  std::set<std::string> seen;
  for (const Distinct& entry : reports) {
    results.push_back(sarif_result(entry));
    if (!seen.insert(entry.first.fault).second) continue;
    rules.push_back({{"id", entry.first.fault},
                     {"shortDescription", {{"text", entry.first.text}}},
                     {"defaultConfiguration", {{"level", "error"}}}});
  }
  const json driver = {{"name", "hakmem"}, {"version", HAKMEM_CLI_VERSION}, {"rules", rules}};
  return {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
          {"version", "2.1.0"},
          {"runs", json::array({{{"tool", {{"driver", driver}}}, {"results", results}}})}};
}

std::string to_text(const std::vector<Distinct>& reports) {
  const Colours& c = colours();
  std::string out;
  for (const Distinct& entry : reports) {
    const Report& report = entry.first;
    out += fmt::format("{}{}{}{} in {}{}", c.bold, c.red, report.fault, c.off, report.api,
                       entry.count > 1 ? fmt::format("  ({} times)", entry.count) : "");
    out += fmt::format("\n  {}\n", report.text);
    for (const std::string& detail : report.details) out += "  " + detail + "\n";
    append_stack(&out, "called from", report.called_from);
    append_stack(&out, "freed by thread " + report.freed_thread, report.freed_by);
    append_stack(&out, "allocated by thread " + report.allocated_thread, report.allocated_by);
    const auto seed = report.keys.find("seed");
    const auto profile = report.keys.find("profile");
    if (seed != report.keys.end() && profile != report.keys.end())
      out += fmt::format("  {}process {}, profile {}, HAKMEM_SEED={}{}\n", c.dim, report.process,
                         profile->second, seed->second, c.off);
    out += "\n";
  }
  return out;
}

}  // namespace hak::cli
