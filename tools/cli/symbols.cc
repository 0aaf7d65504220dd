// Functions and lines of frames, from addr2line of binutils: one process per module.
#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <sstream>

#include "reports.h"

extern char** environ;

namespace hak::cli {
namespace {

/// The output of a command; empty if it cannot be run.
std::string output_of(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; !failed && (count = read(ends[0], buffer, sizeof buffer)) != 0;) {
    if (count < 0 && errno != EINTR) break;
    if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  while (!failed && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return text;
}

void take_answer(std::istringstream* lines, Frame* frame) {
  std::string function, place;
  if (!std::getline(*lines, function) || !std::getline(*lines, place)) return;
  if (function != "??") frame->function = function;
  const auto colon = place.rfind(':');
  if (colon == std::string::npos || place[0] == '?') return;
  frame->line = static_cast<unsigned>(strtoul(place.c_str() + colon + 1, nullptr, 10));
  if (frame->line) frame->file = place.substr(0, colon);
}

}  // namespace

void resolve_frames(const std::vector<Frame*>& frames) {
  constexpr std::size_t kAtOnce = 500;
  std::map<std::string, std::vector<Frame*>> by_module;
  for (Frame* frame : frames)
    if (!frame->module.empty() && frame->function.empty()) by_module[frame->module].push_back(frame);
  for (const auto& [module, list] : by_module) {
    for (std::size_t from = 0; from < list.size(); from += kAtOnce) {
      std::vector<std::string> command = {"addr2line", "-C", "-f", "-e", module};
      const std::size_t to = std::min(list.size(), from + kAtOnce);
      // The frame is a return address: the call is before it.
      for (std::size_t i = from; i < to; ++i)
        command.push_back(fmt::format("{:#x}", strtoull(list[i]->offset.c_str(), nullptr, 16) - 1));
      std::istringstream lines(output_of(command));
      for (std::size_t i = from; i < to; ++i) take_answer(&lines, list[i]);
    }
  }
}

void resolve(std::vector<Distinct>* reports) {
  std::vector<Frame*> frames;
  for (Distinct& entry : *reports)
    for (std::vector<Frame>* stack : {&entry.first.called_from, &entry.first.freed_by, &entry.first.allocated_by})
      for (Frame& frame : *stack) frames.push_back(&frame);
  resolve_frames(frames);
}

std::string frame_text(const Frame& frame) {
  std::string text = frame.function.empty() ? frame.address : frame.function;
  if (frame.line) return text + " " + frame.file + ":" + std::to_string(frame.line);
  if (!frame.module.empty()) return text + " (" + frame.module + "+" + frame.offset + ")";
  return text;
}

}  // namespace hak::cli
