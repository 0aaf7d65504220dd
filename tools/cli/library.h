#pragma once
// Where the libraries and the helpers of an installation or a build tree are.
#include <string>

namespace hak::cli {

enum class Build { kRelease, kDebug };

/// Path of the shared library to preload: `given` if it is not empty, else what lies beside the command.
/// Throws Failure if there is none.
std::string find_library(Build build, const std::string& given, int status);

/// Path of a helper program in libexec or in the build tree. Throws Failure.
std::string find_helper(const std::string& installed, const std::string& in_tree);

}  // namespace hak::cli
