#pragma once
// Starting a program on the library.
#include <string>

#include "cli.h"

namespace hak::cli {

/// Puts the library in front of LD_PRELOAD and the settings of `launch` in the environment. Throws
/// Failure where something is not valid. `build_debug`: the Debug library.
void prepare_environment(const Launch& launch, bool build_debug);

/// A line on stderr if the program cannot be preloaded: statically linked, or set-user-id.
void warn_if_deaf(const std::string& program);

/// execvp; on failure throws Failure with 127 or 126 as a shell would.
[[noreturn]] void execute(const Launch& launch);

}  // namespace hak::cli
