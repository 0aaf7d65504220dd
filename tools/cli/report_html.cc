// Reports as one page that needs no network.
#include <fmt/core.h>

#include "reports.h"

namespace hak::cli {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{}</title><style>
:root {{ color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --line: #ccc; --soft: #555; --fault: #b00020; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e6e6e6; --paper: #16181c; --line: #444; --soft: #aaa; --fault: #ff8a80; }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 70em; margin: 2em auto; padding: 0 1em; }}
section {{ border-top: 1px solid var(--line); padding: .5em 0 1em; }}
h2 {{ color: var(--fault); font-size: 1.1em; margin: .5em 0 0; }}
pre {{ overflow-x: auto; margin: .2em 0 .6em; }} h3 {{ font-size: .9em; color: var(--soft); margin: .6em 0 0; }}
td {{ padding: 0 1.5em 0 0; vertical-align: top; font-family: monospace; }}
</style></head><body>
<h1>{}</h1><p>{} distinct faults in {} reports</p>
)";

std::string stack_html(const std::string& title, const std::vector<Frame>& frames) {
  if (frames.empty()) return {};
  std::string out = "<h3>" + escaped(title) + "</h3><pre>";
  for (std::size_t i = 0; i < frames.size(); ++i)
    out += fmt::format("#{:<2} {}\n", i, escaped(frame_text(frames[i])));
  return out + "</pre>\n";
}

}  // namespace

std::string to_html(const std::vector<Distinct>& reports, const std::string& title) {
  unsigned long total = 0;
  for (const Distinct& entry : reports) total += entry.count;
  std::string out = fmt::format(fmt::runtime(kHead), escaped(title), escaped(title), reports.size(), total);
  for (const Distinct& entry : reports) {
    const Report& report = entry.first;
    out += fmt::format("<section data-fault=\"{}\" data-count=\"{}\"><h2>{} in {}</h2>\n<p>{}</p>\n",
                       escaped(report.fault), entry.count, escaped(report.fault), escaped(report.api),
                       escaped(report.text));
    if (entry.count > 1) out += fmt::format("<p>seen {} times</p>\n", entry.count);
    for (const std::string& detail : report.details) out += "<p>" + escaped(detail) + "</p>\n";
    out += stack_html("called from", report.called_from);
    out += stack_html("freed by thread " + report.freed_thread, report.freed_by);
    out += stack_html("allocated by thread " + report.allocated_thread, report.allocated_by);
    out += "<details><summary>all values</summary><table>\n";
    for (const auto& [key, value] : report.keys)
      out += fmt::format("<tr><td>{}</td><td>{}</td></tr>\n", escaped(key), escaped(value));
    out += "</table></details></section>\n";
  }
  return out + "</body></html>\n";
}

}  // namespace hak::cli
