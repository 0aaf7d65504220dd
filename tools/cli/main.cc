// hakmem: one command for the people who use the allocator.
#include <fmt/core.h>

#include <algorithm>

#include "arguments.h"

using namespace hak::cli;

namespace {

/// CLI11 explains in several lines; the first says what is wrong.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

int dispatch(const CLI::App& app, Arguments& to, const std::vector<std::string>& program) {
  const std::string name = app.get_subcommands().front()->get_name();
  if (takes_program(name)) {
    if (program.empty())
      throw Failure(fmt::format("{}: no program given (hakmem {} --help)", name, name), kOwnFailure);
    to.launch.command = program;
  }
  if (name == "run") run_command(to.launch);
  if (name == "record") record_command(to.launch, to.record);
  if (name == "check") return check_command(to.launch, to.check);
  if (name == "info") return info_command(to.info);
  if (name == "stats") return stats_command(to.stats);
  if (name == "report") return report_command(to.report);
  if (name == "replay") return replay_command(to.replay);
  const bool manual = name == "manual";
  write_output("", manual ? manual_page(app, to.shell) : completion(app, to.shell), false);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool launches = !words.empty() && takes_program(words[0]);
  try {
    const auto app = make_app(&arguments);
    const std::vector<std::string> program = split_program(*app, &words);
    try {
      std::reverse(words.begin(), words.end());
      app->parse(words);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app->exit(error);
      throw Failure(first_line(error.what()), launches ? kOwnFailure : kUsageStatus);
    }
    return dispatch(*app, arguments, program);
  } catch (const Failure& failure) {
    fmt::print(stderr, "hakmem: {}\n", failure.what());
    return failure.status;
  } catch (const std::exception& error) {
    fmt::print(stderr, "hakmem: {}\n", error.what());
    return launches ? kOwnFailure : kUsageStatus;
  }
}
