#pragma once
// The subcommands of `hakmem`: what each is given, and what they share.
#include <stdexcept>
#include <string>
#include <vector>

namespace hak::cli {

/// Exit statuses of the command itself. Under run, record and check 125 to 127 are as in env(1).
inline constexpr int kUsageStatus = 2;
inline constexpr int kOwnFailure = 125;
inline constexpr int kCannotExecute = 126;
inline constexpr int kNotFound = 127;

/// Ends the command: one line on stderr and the status.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& line, int exit_status = kUsageStatus)
      : std::runtime_error(line), status(exit_status) {}
  int status;
};

/// What run, record and check have in common: a program and how it is to be started.
struct Launch {
  std::vector<std::string> command;
  std::string profile;
  std::string report;
  std::string library;
  std::vector<std::string> settings;  ///< NAME=VALUE, with or without HAKMEM_ in front
  bool debug = false;
};

struct RecordChoices {
  std::string output = "hakmem.trace";
  bool force = false;
};
struct CheckChoices {
  bool json = false;
  std::string report;  ///< keep the reports in this file
  unsigned sites = 10; ///< allocation sites to show
  bool reachable = false;      ///< those of blocks that are not lost too
  bool fail_on_leaks = false;
};
struct InfoChoices {
  bool json = false;
  bool debug = false;
  std::string library;
};
struct ReportChoices {
  std::string file;
  std::string format = "text";
  std::string output;
  bool symbols = true;
  bool force = false;
};
struct StatsChoices {
  std::string subject;  ///< process id or trace
  bool json = false;
};
struct ReplayChoices {
  std::vector<std::string> files;
  std::string library;
  std::string allocator = "hakmem";
  unsigned repeat = 1;
  bool check = true;
  bool debug = false;
  bool json = false;
};

[[noreturn]] void run_command(const Launch& launch);
[[noreturn]] void record_command(const Launch& launch, const RecordChoices& choices);
int check_command(const Launch& launch, const CheckChoices& choices);
int info_command(const InfoChoices& choices);
int report_command(const ReportChoices& choices);
int stats_command(const StatsChoices& choices);
int replay_command(const ReplayChoices& choices);

/// Escape sequences, empty where stdout is no terminal or NO_COLOR is set.
struct Colours {
  const char *bold, *red, *green, *dim, *off;
};
const Colours& colours();

/// Opens a file that must not exist yet (or may, with `force`) and writes `text`; "" is stdout.
void write_output(const std::string& path, const std::string& text, bool force);
std::string read_file(const std::string& path);
/// The name between the last slash and the end.
std::string base_name(const std::string& path);

}  // namespace hak::cli
