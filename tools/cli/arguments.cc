#include "arguments.h"

namespace hak::cli {
namespace {

void add_launch_options(CLI::App* command, Launch* launch) {
  command->add_option("--profile", launch->profile, "set of mitigations: fast, hardened or paranoid")
      ->type_name("NAME")->check(CLI::IsMember({"fast", "hardened", "paranoid"}).name(""));
  command->add_option("--library", launch->library, "preload this library, not the installed one")
      ->type_name("FILE");
  command->add_option("--set", launch->settings, "set an option of the library, as in --set seed=7")
      ->type_name("NAME=VALUE")->take_all()->allow_extra_args(false);
}

void add_run(CLI::App* app, Arguments* to) {
  CLI::App* run = app->add_subcommand("run", "run a program on hakmem");
  add_launch_options(run, &to->launch);
  run->add_flag("--debug", to->launch.debug, "use the Debug library: exact sizes, stacks in reports");
  run->add_option("--report", to->launch.report, "append reports to a file, or fd:N")->type_name("FILE");
  run->footer("The program replaces the command, so its exit status and signals are its own.");

  CLI::App* check =
      app->add_subcommand("check", "run a program on the Debug library and sum up what is wrong");
  add_launch_options(check, &to->launch);
  check->add_option("--report", to->check.report, "keep the reports in this file")->type_name("FILE");
  check->add_option("--sites", to->check.sites, "allocation sites to list of what is lost at exit")
      ->type_name("N")->capture_default_str();
  check->add_flag("--reachable", to->check.reachable, "list sites of what is still reachable at exit too");
  check->add_flag("--fail-on-leaks", to->check.fail_on_leaks, "exit status 1 if anything is lost, or nobody knows");
  check->add_flag("--json", to->check.json, "the summary as JSON, on stdout");
  check->footer(
      "Faults are reported and survived. The exit status is the program's, or 1 if that is 0 and there "
      "were faults. Lost is a block that no word of the program's memory points into, but words in lost "
      "blocks; it is looked for behind the exit handlers, so what only a destroyed object of the program "
      "held counts. The summary goes to stderr, with --json to stdout.");

  CLI::App* record = app->add_subcommand("record", "run a program and record its heap operations");
  add_launch_options(record, &to->launch);
  record->add_flag("--debug", to->launch.debug, "use the Debug library");
  record->add_option("-o,--output", to->record.output, "the trace to write")
      ->type_name("TRACE")->capture_default_str();
  record->add_flag("--force", to->record.force, "replace an existing trace");
  record->footer(
      "The first process writes TRACE, every further one that the program starts TRACE.NAME.PID; the "
      "child of a fork writes nothing until it runs a program. Options stand before the program: what "
      "follows it is the program's. Memory is not given back on a timer while recording "
      "(HAKMEM_PURGE_DELAY_MS), so that a replay does the same.");
}

void add_looks(CLI::App* app, Arguments* to) {
  CLI::App* info = app->add_subcommand("info", "what this build is, its policies, evidence and options");
  info->add_flag("--json", to->info.json, "as JSON");
  info->add_flag("--debug", to->info.debug, "ask the Debug library");
  info->add_option("--library", to->info.library, "ask this library")->type_name("FILE");

  CLI::App* stats = app->add_subcommand("stats", "the heap of a running process, or what a trace holds");
  stats->add_option("subject", to->stats.subject, "process id or trace")->type_name("PID|TRACE")->required();
  stats->add_flag("--json", to->stats.json, "as JSON");
  stats->footer(
      "The process is read from outside and neither stopped nor asked: it must be yours (ptrace "
      "permission), and figures of a busy one are close, not exact.");

  CLI::App* report = app->add_subcommand("report", "show the reports in a file");
  report->add_option("file", to->report.file, "reports as written by HAKMEM_REPORT, or - for stdin")
      ->type_name("FILE")->required();
  report->add_option("--format", to->report.format, "text, json, sarif or html")
      ->type_name("FORMAT")->check(CLI::IsMember({"text", "json", "sarif", "html"}).name(""))->capture_default_str();
  report->add_option("-o,--output", to->report.output, "write to this file, not to stdout")
      ->type_name("FILE");
  report->add_flag("!--no-symbols", to->report.symbols, "do not ask addr2line for functions and lines");
  report->add_flag("--force", to->report.force, "replace an existing output");
}

void add_replay(CLI::App* app, Arguments* to) {
  CLI::App* replay = app->add_subcommand("replay", "run traces and heap scripts again");
  replay->add_option("files", to->replay.files, "traces, or scripts of the heap language")
      ->type_name("TRACE|SCRIPT...")->required();
  replay->add_option("--allocator", to->replay.allocator,
                     "hakmem, libc, or the shared library of another allocator to measure")
      ->type_name("NAME")->capture_default_str();
  replay->add_option("--repeat", to->replay.repeat, "run a trace so many times, each in a fresh process")
      ->type_name("N")->check(CLI::Range(1U, 10000U).name(""));
  replay->add_option("--library", to->replay.library, "the hakmem library to use")->type_name("FILE");
  replay->add_flag("--debug", to->replay.debug, "use the Debug library");
  replay->add_flag("!--no-check", to->replay.check, "do not compare addresses with the recorded ones");
  replay->add_flag("--json", to->replay.json, "one JSON object per run");
  replay->footer(
      "On hakmem a trace runs with the seed and the options it was recorded with, and every block must "
      "lie at the recorded distance from the base of the arena; exit status 1 if one does not, or if "
      "the faults differ. Traces of several threads run in recorded order and are not compared by "
      "default.");
}

}  // namespace

std::unique_ptr<CLI::App> make_app(Arguments* to) {
  auto app = std::make_unique<CLI::App>("run, check and look at programs on the hakmem allocator", "hakmem");
  app->require_subcommand(1);
  app->set_version_flag("--version", "hakmem " HAKMEM_CLI_VERSION);
  app->get_formatter()->column_width(28);
  add_run(app.get(), to);
  add_looks(app.get(), to);
  add_replay(app.get(), to);
  CLI::App* shell = app->add_subcommand("completion", "print completion for a shell");
  shell->add_option("shell", to->shell, "bash, zsh or fish")
      ->type_name("SHELL")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}).name(""));
  // For the build: pages are written by the command itself, so that they cannot differ from it.
  CLI::App* manual = app->add_subcommand("manual", "print the manual page of a subcommand")->group("");
  manual->add_option("subcommand", to->shell, "subcommand, or nothing for the command");
  return app;
}

bool takes_program(const std::string& subcommand) {
  return subcommand == "run" || subcommand == "check" || subcommand == "record";
}

std::vector<std::string> split_program(const CLI::App& app, std::vector<std::string>* words) {
  std::vector<std::string> program;
  if (words->empty() || !takes_program((*words)[0])) return program;
  const CLI::App* command = app.get_subcommand((*words)[0]);
  std::size_t at = 1;
  while (at < words->size()) {
    const std::string& word = (*words)[at];
    if (word == "--" || word.size() < 2 || word[0] != '-') break;
    const std::string name = word.substr(0, word.find('='));
    const CLI::Option* option = command->get_option_no_throw(name);
    const bool separate = option && name == word && option->get_items_expected_max() > 0;
    at += separate ? 2 : 1;
  }
  if (at > words->size()) return program;
  const std::size_t from = at < words->size() && (*words)[at] == "--" ? at + 1 : at;
  program.assign(words->begin() + static_cast<std::ptrdiff_t>(from), words->end());
  words->resize(at);
  return program;
}

}  // namespace hak::cli
