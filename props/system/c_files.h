#pragma once
// Where the process of a script writes: descriptors for reports and complaints, a directory for what is
// asked for by path. Made by whoever starts the process, who looks at what it left at its end.
#include <string>
#include <utility>
#include <vector>

#include "language/script.h"

namespace hak::props {

inline constexpr int kReportFd = 200;
inline constexpr int kErrorFd = 201;  ///< stands for stderr
inline constexpr int kLeaksFd = 202;  ///< what is lost, where the profile goes to a descriptor too

class ScriptFiles {
 public:
  ScriptFiles();
  /// In a process that was started anew: the descriptors are there.
  explicit ScriptFiles(const char* directory) : directory_(directory), owner_(false) {}
  ~ScriptFiles();
  ScriptFiles(const ScriptFiles&) = delete;
  ScriptFiles& operator=(const ScriptFiles&) = delete;

  const std::string& directory() const { return directory_; }
  /// What was written to the descriptor from `*from` on, which is moved behind it.
  std::string read_new(int fd, long* from) const;
  std::string read(const std::string& name) const;
  /// Name of the file that begins with these bytes; empty if there is none, or more than one.
  std::string find(const std::string& magic) const;
  void write(const std::string& name, const std::string& content) const;

 private:
  std::string directory_;
  bool owner_ = true;
};

/// The text that the script sets the variable to, or false.
bool setting_of(const Script& script, Variable variable, std::string* text);
/// Whether the documentation of the options accepts it, for variables in the environment.
bool is_accepted(Variable variable, const std::string& text);
/// Whether the process writes a heap profile at its end, and then what is lost, to kLeaksFd or kLeaksName.
bool asks_for_profile(const Script& script);
inline constexpr const char* kLeaksName = "leaks";
/// Whether the script ends with an `os-fail`: it is for what is written at the end of the process.
bool fails_at_exit(const Script& script);
/// Whether the process is without descriptors from some operation on.
bool opens_nothing(const Script& script);
/// No file can be opened from here on, or again.
void forbid_opening(bool forbidden);
/// The environment that the script's process is started with.
std::vector<std::pair<std::string, std::string>> start_environment_of(const Script& script);
/// After the process has ended: nothing, or how what it wrote at exit differs from what it left.
std::string check_exit_files(const ScriptFiles& files, const Script& script);
/// Leaves blocks and says in a file what check_exit_files must find. Last call in the process.
void leave_blocks(const ScriptFiles& files, const Script& script);
/// What is wrong with the trace of this process; nothing if it accounts for `served` blocks and all frees;
/// 0: for some of them, the trace was cut.
std::string check_trace(const ScriptFiles& files, u64 served, bool knows_all_pointers);

}  // namespace hak::props
