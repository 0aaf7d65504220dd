// The manual pages and the completions, from the definitions of the command line.
#include <fmt/core.h>

#include "arguments.h"

namespace hak::cli {
namespace {

/// Text in a man page: a leading dot or quote would be a macro, a hyphen must stay one.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else out += c;
  }
  return !out.empty() && (out[0] == '.' || out[0] == '\'') ? "\\&" + out : out;
}

std::vector<const CLI::App*> shown(const CLI::App& app) {
  std::vector<const CLI::App*> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!command->get_group().empty()) commands.push_back(command);
  return commands;
}

std::string spelling(const CLI::Option& option) {
  std::string text;
  for (const std::string& name : option.get_snames()) text += (text.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames()) text += (text.empty() ? "--" : ", --") + name;
  return text;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

/// The words an option accepts, of "set of mitigations: fast, hardened or paranoid" the last three.
std::vector<std::string> accepted_words(const CLI::Option& option) {
  if (option.check_lname("profile")) return {"fast", "hardened", "paranoid"};
  if (option.check_lname("format")) return {"text", "json", "sarif", "html"};
  if (option.get_positional() && option.get_name(true) == "shell") return {"bash", "zsh", "fish"};
  return {};
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::string synopsis(const CLI::App& command) {
  std::string text = fmt::format(".B hakmem {}\n", roff(command.get_name()));
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional() || option->check_name("--help")) continue;
    const std::string name = option->get_lnames().empty() ? spelling(*option) : "--" + option->get_lnames()[0];
    text += takes_value(*option)
                ? fmt::format("[\\fB{}\\fR \\fI{}\\fR]\n", roff(name), roff(option->get_type_name()))
                : fmt::format("[\\fB{}\\fR]\n", roff(name));
  }
  for (const CLI::Option* option : command.get_options())
    if (option->get_positional()) text += fmt::format(".I {}\n", roff(option->get_type_name()));
  if (takes_program(command.get_name())) text += "[\\fB\\-\\-\\fR] \\fIPROGRAM\\fR [\\fIARGUMENT\\fR...]\n";
  return text;
}

std::string options_section(const CLI::App& command) {
  std::string text = ".SH OPTIONS\n";
  for (const CLI::Option* option : command.get_options()) {
    const std::string type = option->get_type_name();
    text += ".TP\n";
    if (option->get_positional()) {
      text += fmt::format(".I {}\n", roff(type));
    } else if (takes_value(*option)) {
      text += fmt::format("\\fB{}\\fR \\fI{}\\fR\n", roff(spelling(*option)), roff(type));
    } else {
      text += fmt::format(".B {}\n", roff(spelling(*option)));
    }
    text += roff(option->get_description());
    if (!option->get_default_str().empty() && takes_value(*option) && !option->get_positional())
      text += " (default: " + roff(option->get_default_str()) + ")";
    text += ".\n";
  }
  return text;
}

constexpr const char* kStatusSection =
    ".SH EXIT STATUS\n"
    "That of the program under\n.BR run ,\n.B check\nand\n.BR record ,\nwith 127 if it is not found, 126 if it "
    "cannot be run and 125 if hakmem itself fails.\nOtherwise 0, 1 if what was looked for is wrong (a "
    "replay that differs), 2 for bad input.\n";

std::string main_page(const CLI::App& app) {
  std::string text = ".SH NAME\nhakmem \\- " + roff(app.get_description()) + "\n.SH SYNOPSIS\n";
  for (const CLI::App* command : shown(app)) text += synopsis(*command) + ".br\n";
  text += ".SH DESCRIPTION\nhakmem is a hardened malloc. This command starts programs on it, checks them with its "
          "Debug build,\nrecords and replays what they do, and shows what it found.\n.SH COMMANDS\n";
  for (const CLI::App* command : shown(app)) {
    text += fmt::format(".TP\n.BR hakmem\\-{} (1)\n{}.\n", roff(command->get_name()),
                        roff(command->get_description()));
  }
  text += kStatusSection;
  text += ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nif not empty, output carries no colours.\n"
          ".PP\nThe options of the library itself, HAKMEM_..., are listed by\n.BR \"hakmem info\" .\n";
  text += ".SH SEE ALSO\n";
  const auto commands = shown(app);
  for (std::size_t i = 0; i < commands.size(); ++i)
    text += fmt::format(".BR hakmem\\-{} (1){}\n", roff(commands[i]->get_name()),
                        i + 1 < commands.size() ? "," : "");
  return text;
}

std::string command_page(const CLI::App& command) {
  std::string text = fmt::format(".SH NAME\nhakmem\\-{} \\- {}\n.SH SYNOPSIS\n{}", roff(command.get_name()),
                                 roff(command.get_description()), synopsis(command));
  text += options_section(command);
  if (!command.get_footer().empty()) text += ".SH NOTES\n" + roff(command.get_footer()) + "\n";
  return text + kStatusSection + ".SH SEE ALSO\n.BR hakmem (1)\n";
}

// ---- completion ----

/// All names of a subcommand's options.
std::string option_words(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_snames()) words.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return joined(words, " ");
}

std::string names(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* command : shown(app)) words.push_back(command->get_name());
  return joined(words, " ");
}

std::string bash(const CLI::App& app) {
  std::string text =
      "# bash completion for hakmem; written by `hakmem completion bash`\n"
      "_hakmem() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n";
  text += fmt::format("    COMPREPLY=($(compgen -W \"{} --help --version\" -- \"$word\"))\n    return\n  fi\n", names(app));
  text += "  case \"${COMP_WORDS[1]} $before\" in\n";
  for (const CLI::App* command : shown(app)) {
    for (const CLI::Option* option : command->get_options()) {
      const auto words = accepted_words(*option);
      if (words.empty()) continue;
      const std::string trigger = option->get_positional() ? command->get_name() : spelling(*option);
      text += fmt::format("    \"{} {}\") COMPREPLY=($(compgen -W \"{}\" -- \"$word\")); return ;;\n",
                          command->get_name(), trigger, joined(words, " "));
    }
  }
  text += "  esac\n  case \"${COMP_WORDS[1]}:$word\" in\n";
  for (const CLI::App* command : shown(app))
    text += fmt::format("    {}:-*) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")) ;;\n", command->get_name(),
                        option_words(*command));
  text += "    run:* | check:* | record:*) COMPREPLY=($(compgen -c -f -- \"$word\")) ;;\n"
          "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n  esac\n}\n"
          "complete -o filenames -F _hakmem hakmem\n";
  return text;
}

std::string zsh(const CLI::App& app) {
  std::string text = "#compdef hakmem\n# written by `hakmem completion zsh`\nlocal -a commands\ncommands=(\n";
  for (const CLI::App* command : shown(app))
    text += fmt::format("  '{}:{}'\n", command->get_name(), command->get_description());
  text += ")\nif (( CURRENT == 2 )); then\n  _describe command commands\n  return\nfi\ncase $words[2] in\n";
  for (const CLI::App* command : shown(app)) {
    text += fmt::format("  {})\n    _arguments -S", command->get_name());
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_positional()) continue;
      for (const std::string& name : option->get_lnames()) {
        const auto words = accepted_words(*option);
        std::string value;
        if (takes_value(*option))
          value = fmt::format(":{}:{}", option->get_type_name(),
                              words.empty() ? "_files" : "(" + joined(words, " ") + ")");
        std::string about = option->get_description();
        for (char& c : about) if (c == ':' || c == '[' || c == ']' || c == '\'') c = ' ';
        text += fmt::format(" \\\n      '--{}[{}]{}'", name, about, value);
      }
    }
    const bool program = takes_program(command->get_name());
    text += program ? " \\\n      '*::program:_normal'\n    ;;\n" : " \\\n      '*:file:_files'\n    ;;\n";
  }
  return text + "esac\n";
}

std::string fish(const CLI::App& app) {
  std::string text = "# fish completion for hakmem; written by `hakmem completion fish`\ncomplete -c hakmem -f\n";
  for (const CLI::App* command : shown(app))
    text += fmt::format("complete -c hakmem -n __fish_use_subcommand -a {} -d '{}'\n", command->get_name(),
                        command->get_description());
  for (const CLI::App* command : shown(app)) {
    const std::string when = fmt::format("'__fish_seen_subcommand_from {}'", command->get_name());
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_positional()) continue;
      for (const std::string& name : option->get_lnames()) {
        const auto words = accepted_words(*option);
        std::string about = option->get_description();
        for (char& c : about) if (c == '\'') c = ' ';
        const std::string value = !takes_value(*option) ? ""
                                  : words.empty()        ? " -r -F"
                                                         : " -x -a '" + joined(words, " ") + "'";
        text += fmt::format("complete -c hakmem -n {} -l {}{} -d '{}'\n", when, name, value, about);
      }
    }
    text += fmt::format("complete -c hakmem -n {} {}\n", when,
                        takes_program(command->get_name()) ? "-a '(__fish_complete_subcommand)'" : "-F");
  }
  return text;
}

}  // namespace

std::string manual_page(const CLI::App& app, const std::string& subcommand) {
  const std::string title = subcommand.empty() ? "HAKMEM" : "HAKMEM\\-" + subcommand;
  std::string text = fmt::format(".TH \"{}\" 1 \"\" \"hakmem {}\" \"User Commands\"\n", title, HAKMEM_CLI_VERSION);
  if (subcommand.empty()) return text + main_page(app);
  for (const CLI::App* command : shown(app))
    if (command->get_name() == subcommand) return text + command_page(*command);
  throw Failure("no subcommand " + subcommand);
}

std::string completion(const CLI::App& app, const std::string& shell) {
  return shell == "bash" ? bash(app) : shell == "zsh" ? zsh(app) : fish(app);
}

}  // namespace hak::cli
