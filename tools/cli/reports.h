#pragma once
// Reports of the library, read back.
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace hak::cli {

struct Frame {
  std::string address;  ///< as printed, 0x...
  std::string module;   ///< empty where the report does not say (Release)
  std::string offset;   ///< in the module
  std::string function, file;
  unsigned line = 0;
};

struct Report {
  std::string process, fault, api, address, text;
  std::vector<std::string> details;  ///< the indented lines between the first line and the stacks
  std::vector<Frame> called_from, freed_by, allocated_by;
  std::string freed_thread, allocated_thread;
  std::map<std::string, std::string> keys;  ///< of the hakmem-report line
};

/// A fault and how often it was seen: the same fault in the same call from the same place.
struct Distinct {
  Report first;
  unsigned long count = 0;
};

/// All reports in `text`; other lines are skipped.
std::vector<Report> parse_reports(const std::string& text);
std::vector<Distinct> distinct_of(const std::vector<Report>& reports);

/// Asks addr2line for function, file and line of every frame that has a module. Does nothing where
/// there is no addr2line.
void resolve(std::vector<Distinct>* reports);
/// The same for one list of frames.
void resolve_frames(const std::vector<Frame*>& frames);

std::string frame_text(const Frame& frame);

nlohmann::json to_json(const Distinct& entry);
nlohmann::json to_sarif(const std::vector<Distinct>& reports);
std::string to_text(const std::vector<Distinct>& reports);
std::string to_html(const std::vector<Distinct>& reports, const std::string& title);

}  // namespace hak::cli
