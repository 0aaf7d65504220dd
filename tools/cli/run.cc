// hakmem run and hakmem record: become the program, with the library in it.
#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <filesystem>

#include "launch.h"

namespace hak::cli {

void run_command(const Launch& launch) {
  prepare_environment(launch, launch.debug);
  warn_if_deaf(launch.command[0]);
  execute(launch);
}

void record_command(const Launch& launch, const RecordChoices& choices) {
  const std::string output = std::filesystem::absolute(choices.output).string();
  if (access(output.c_str(), F_OK) == 0) {
    if (!choices.force)
      throw Failure(fmt::format("{} is there already; --force overwrites it", choices.output), kOwnFailure);
    if (unlink(output.c_str()) != 0)
      throw Failure(fmt::format("cannot replace {}: {}", choices.output, strerror(errno)), kOwnFailure);
  }
  // The library says nothing where it cannot write, so that is found out here.
  const int fd = open(output.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    throw Failure(fmt::format("cannot write {}: {}", choices.output, strerror(errno)), kOwnFailure);
  close(fd);
  unlink(output.c_str());
  // What depends on the clock would not repeat. A --set comes later and wins.
  setenv("HAKMEM_PURGE_DELAY_MS", "3600000", 0);
  prepare_environment(launch, launch.debug);
  if (setenv("HAKMEM_TRACE", output.c_str(), 1) != 0)
    throw Failure("cannot set HAKMEM_TRACE", kOwnFailure);
  warn_if_deaf(launch.command[0]);
  execute(launch);
}

}  // namespace hak::cli
