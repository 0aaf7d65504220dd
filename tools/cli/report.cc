// hakmem report: the reports in a file, for people and for other tools.
#include <fmt/core.h>

#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli.h"
#include "reports.h"

using nlohmann::json;

namespace hak::cli {

int report_command(const ReportChoices& choices) {
  const std::string text = choices.file == "-"
                               ? std::string(std::istreambuf_iterator<char>(std::cin), {})
                               : read_file(choices.file);
  std::vector<Distinct> reports = distinct_of(parse_reports(text));
  if (reports.empty()) throw Failure(choices.file + " holds no hakmem report");
  if (choices.symbols) resolve(&reports);
  std::string out;
  if (choices.format == "json") {
    json list = json::array();
    for (const Distinct& entry : reports) list.push_back(to_json(entry));
    out = json{{"reports", list}}.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  } else if (choices.format == "sarif") {
    out = to_sarif(reports).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  } else if (choices.format == "html") {
    out = to_html(reports, "hakmem: " + base_name(choices.file));
  } else {
    out = to_text(reports);
    out += fmt::format("{} distinct fault{}\n", reports.size(), reports.size() == 1 ? "" : "s");
  }
  write_output(choices.output, out, choices.force);
  return 0;
}

}  // namespace hak::cli
