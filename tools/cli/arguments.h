#pragma once
// The command line, defined once: parsing, help, man page and completion all come from here.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli.h"

namespace hak::cli {

struct Arguments {
  Launch launch;
  RecordChoices record;
  CheckChoices check;
  InfoChoices info;
  ReportChoices report;
  StatsChoices stats;
  ReplayChoices replay;
  std::string shell;
};

std::unique_ptr<CLI::App> make_app(Arguments* arguments);

/// Subcommands whose arguments end in a program with arguments of its own.
bool takes_program(const std::string& subcommand);

/// Takes the program and its arguments off the end of `words` (all of the command line): from the
/// first word that is no option of the subcommand, or from behind "--".
std::vector<std::string> split_program(const CLI::App& app, std::vector<std::string>* words);

/// The manual page of the command (name empty) or of one subcommand, in man(7) macros.
std::string manual_page(const CLI::App& app, const std::string& subcommand);

/// Completion for bash, zsh or fish.
std::string completion(const CLI::App& app, const std::string& shell);

}  // namespace hak::cli
