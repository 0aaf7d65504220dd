// hakmem info: what the library says of itself.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli.h"
#include "library.h"

using nlohmann::json;

extern char** environ;

namespace hak::cli {
namespace {

constexpr const char* kProfiles[] = {"fast", "hardened", "paranoid"};

template <typename Function>
Function* symbol(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (!found) throw Failure(fmt::format("the library has no {}: it is not hakmem", name));
  return reinterpret_cast<Function*>(found);
}

void visit_option(const char* name, const char* value, const char* accepted, const char* about, void* context) {
  static_cast<json*>(context)->push_back(
      {{"name", name}, {"value", value}, {"accepted", accepted}, {"about", about}});
}

/// Asks the library in this process. Its heap starts here, so every question has a process of its own.
json ask_here(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw Failure(fmt::format("cannot load {}: {}", path, dlerror()));
  using Visit = void (*)(const char*, const char*, const char*, const char*, void*);
  json answer;
  answer["build_info"] = symbol<const char*()>(library, "hakmem_build_info")();
  answer["options"] = json::array();
  symbol<void(Visit, void*)>(library, "hakmem_option_each")(visit_option, &answer["options"]);
  auto* set = symbol<int(const char*, const char*)>(library, "hakmem_option_set");
  for (json& option : answer["options"]) {
    const std::string name = option["name"], value = option["value"];
    option["later"] = set(name.c_str(), value.c_str()) != EPERM;
  }
  return answer;
}

void forget_settings() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry; ++entry)
    if (strncmp(*entry, "HAKMEM_", 7) == 0) names.emplace_back(*entry, strcspn(*entry, "="));
  for (const std::string& name : names) unsetenv(name.c_str());
}

/// The answer of a child; `profile` null: with the environment as it is.
json ask(const std::string& path, const char* profile) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Failure(fmt::format("pipe: {}", strerror(errno)));
  const pid_t child = fork();
  if (child < 0) throw Failure(fmt::format("fork: {}", strerror(errno)));
  if (child == 0) {
    std::string text;
    if (profile) {
      forget_settings();
      setenv("HAKMEM_PROFILE", profile, 1);
    }
    try {
      text = ask_here(path).dump();
    } catch (const Failure& failure) {
      text = json{{"failure", failure.what()}}.dump();
    }
    const ssize_t written = write(ends[1], text.data(), text.size());
    _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = read(ends[0], buffer, sizeof buffer)) != 0;) {
    if (count < 0 && errno != EINTR) break;
    if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const json answer = json::parse(text, nullptr, false);
  if (answer.is_discarded()) throw Failure("the library " + path + " does not answer");
  if (answer.contains("failure")) throw Failure(answer["failure"].get<std::string>());
  return answer;
}

json collect(const std::string& path) {
  json info = ask(path, nullptr);
  info["library"] = path;
  const std::string line = info["build_info"];
  std::istringstream words(line);
  std::string word;
  words >> word >> word;
  info["version"] = word;
  words >> word;
  info["build"] = word;
  while (words >> word) {
    const auto equals = word.find('=');
    if (equals != std::string::npos) info["compiled"][word.substr(0, equals)] = word.substr(equals + 1);
  }
  for (const char* profile : kProfiles) {
    const json defaults = ask(path, profile);
    for (std::size_t i = 0; i < info["options"].size(); ++i)
      info["options"][i]["defaults"][profile] = defaults["options"][i]["value"];
  }
  return info;
}

void print_text(const json& info) {
  const Colours& c = colours();
  fmt::print("{}{}{}\n{}\n\n", c.bold, info["build_info"].get<std::string>(), c.off,
             info["library"].get<std::string>());
  fmt::print("{}{:<28}{:<12}{:<9}{:<10}{:<10}later{}\n", c.dim, "option", "now", "fast", "hardened",
             "paranoid", c.off);
  std::string profile = "hardened";
  for (const json& option : info["options"])
    if (option["name"] == "HAKMEM_PROFILE") profile = option["value"];
  for (const json& option : info["options"]) {
    const json& defaults = option["defaults"];
    const std::string name = option["name"], value = option["value"];
    const std::string usual = name == "HAKMEM_PROFILE" ? "hardened" : defaults[profile].get<std::string>();
    const bool changed = value != usual;
    fmt::print("{:<28}{}{:<12}{}", name, changed ? c.bold : "", value + (changed ? "*" : ""), changed ? c.off : "");
    fmt::print("{:<9}{:<10}{:<10}{}\n", defaults["fast"].get<std::string>(),
               defaults["hardened"].get<std::string>(), defaults["paranoid"].get<std::string>(),
               option["later"].get<bool>() ? "yes" : "no");
    fmt::print("  {}{} ({}){}\n", c.dim, option["about"].get<std::string>(),
               option["accepted"].get<std::string>(), c.off);
  }
  fmt::print("\n* differs from the profile's default\n");
}

}  // namespace

int info_command(const InfoChoices& choices) {
  const std::string path =
      find_library(choices.debug ? Build::kDebug : Build::kRelease, choices.library, kUsageStatus);
  const json info = collect(path);
  if (choices.json) {
    fmt::print("{}\n", info.dump(2));
  } else {
    print_text(info);
  }
  return 0;
}

}  // namespace hak::cli
