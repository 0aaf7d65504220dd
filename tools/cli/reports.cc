#include "reports.h"

#include <algorithm>
#include <sstream>

namespace hak::cli {
namespace {

bool starts_with(const std::string& text, const std::string& head) { return text.rfind(head, 0) == 0; }

/// What is between `from` and `to` in text; empty if either is missing.
std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const auto begin = text.find(from);
  if (begin == std::string::npos) return {};
  const auto start = begin + from.size();
  const auto end = to.empty() ? text.size() : text.find(to, start);
  return end == std::string::npos ? std::string{} : text.substr(start, end - start);
}

/// "    #3 0x55d0 (/usr/bin/app+0x1183)", the part in brackets only in Debug.
bool parse_frame(const std::string& line, Frame* frame) {
  const auto hash = line.find('#');
  if (hash == std::string::npos || line.find_first_not_of(' ') != hash) return false;
  const auto at = line.find(" 0x", hash);
  if (at == std::string::npos) return false;
  const auto end = line.find(' ', at + 1);
  frame->address = line.substr(at + 1, end == std::string::npos ? end : end - at - 1);
  const auto open = line.find('(', at);
  const auto plus = line.rfind("+0x");
  if (open != std::string::npos && plus != std::string::npos && plus > open && line.back() == ')') {
    frame->module = line.substr(open + 1, plus - open - 1);
    frame->offset = line.substr(plus + 1, line.size() - plus - 2);
  }
  return true;
}

void parse_keys(const std::string& line, Report* report) {
  std::istringstream words(line.substr(line.find(':') + 1));
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals != std::string::npos) report->keys[word.substr(0, equals)] = word.substr(equals + 1);
  }
}

/// One line after the first. `stack` is where frames go at present.
void take_line(const std::string& line, Report* report, std::vector<Frame>** stack) {
  Frame frame;
  if (*stack && parse_frame(line, &frame)) {
    (*stack)->push_back(frame);
  } else if (starts_with(line, "  called from:")) {
    *stack = &report->called_from;
  } else if (starts_with(line, "  freed by thread ")) {
    report->freed_thread = between(line, "thread ", ":");
    *stack = &report->freed_by;
  } else if (starts_with(line, "  allocated by thread ")) {
    report->allocated_thread = between(line, "thread ", ":");
    *stack = &report->allocated_by;
  } else if (starts_with(line, "  ") && report->text.empty()) {
    report->text = line.substr(2);
  } else if (starts_with(line, "  ")) {
    report->details.push_back(line.substr(2));
  }
}

std::string identity(const Report& report) {
  const auto place = [](const std::vector<Frame>& stack) {
    if (stack.empty()) return std::string{};
    const Frame& top = stack.front();
    return top.module.empty() ? top.address : top.module + "+" + top.offset;
  };
  return report.fault + " " + report.api + " " + place(report.called_from) + " " +
         place(report.allocated_by);
}

}  // namespace

std::vector<Report> parse_reports(const std::string& text) {
  std::vector<Report> reports;
  std::vector<Frame>* stack = nullptr;
  bool open = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto error = line.find("==ERROR: hakmem: ");
    if (error != std::string::npos && starts_with(line, "==")) {
      reports.emplace_back();
      Report& report = reports.back();
      report.process = line.substr(2, error - 2);
      report.fault = between(line, "hakmem: ", " ");
      report.address = between(line, "on address ", " ");
      report.api = between(line, "(", ")");
      if (report.fault == "internal") report.text = line.substr(error + 9);
      stack = nullptr;
      open = report.fault != "internal";
    } else if (open && starts_with(line, "hakmem-report:")) {
      parse_keys(line, &reports.back());
    } else if (open && starts_with(line, "SUMMARY: hakmem:")) {
      open = false;
    } else if (open) {
      take_line(line, &reports.back(), &stack);
    }
  }
  return reports;
}

std::vector<Distinct> distinct_of(const std::vector<Report>& reports) {
  std::vector<Distinct> distinct;
  std::map<std::string, std::size_t> index;
  for (const Report& report : reports) {
    const auto [at, fresh] = index.try_emplace(identity(report), distinct.size());
    if (fresh) distinct.push_back({report, 0});
    ++distinct[at->second].count;
  }
  return distinct;
}

}  // namespace hak::cli
