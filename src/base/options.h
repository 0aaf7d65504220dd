#pragma once
// Options: one table, read from the environment once, in the first call that needs the heap.
#include "base/atomic.h"
#include "base/text.h"
#include "policy.h"

namespace hak {

enum class OptionKind : u8 { kBool, kNumber, kProfileName, kStatsName, kOnFaultName };
enum class OptionChange : u8 { kStart, kRun };
enum class OptionId : u8 {
#define HAK_OPTION(id, name, kind, fast, hardened, paranoid, max, change, doc) id,
#include "base/options.def"
#undef HAK_OPTION
  kCount
};
inline constexpr std::size_t kOptionCount = static_cast<std::size_t>(OptionId::kCount);

enum class Profile : u8 { kFast, kHardened, kParanoid };
enum class OnFault : u8 { kAbort, kTrap, kContinue };

struct OptionInfo {
  const char* name;
  OptionKind kind;
  u64 defaults[3];  ///< by profile
  u64 max;
  OptionChange change;
  const char* doc;
};
const OptionInfo& option_info(OptionId id);

/// Parses `text` as a value of the option. False if it is not one.
bool parse_option(OptionId id, const char* text, u64* value);
/// Writes what the option accepts ("0 or 1", "fast, hardened or paranoid", "0 to 255").
void describe_accepted(OptionId id, Text& out);
/// Writes a value in the form the option is given in.
void format_option(OptionId id, u64 value, Text& out);

/// The current values. `generation` grows with every change; a thread whose cached context carries
/// another generation reads the values again (policy B's invalidation).
class Options {
 public:
  u64 get(OptionId id) const { return values_[static_cast<std::size_t>(id)].load(kRelaxed); }
  bool on(OptionId id) const { return get(id) != 0; }
  u32 generation() const { return generation_.load(kAcquire); }
  Profile profile() const { return static_cast<Profile>(get(OptionId::kProfile)); }

  /// Takes the profile's defaults and then the environment's values. A value that does not parse
  /// leaves the default and makes one line, given to `complain`.
  void load(char** environment, void (*complain)(const Text& line));
  /// Defaults of one profile, no environment: for instances in tests.
  void load_defaults(Profile profile);
  /// Publishes one value. The caller has checked range and changeability.
  void set(OptionId id, u64 value);

  /// The instantiation of the paths that these options ask for.
  Policy policy() const;
  /// Target of reports (HAKMEM_REPORT): a path, "fd:N", or empty for stderr.
  const char* report_target() const { return report_target_; }
  static constexpr std::size_t kMaxTarget = 256;

 private:
  Atomic<u64> values_[kOptionCount] = {};
  Atomic<u32> generation_{1};
  void load_target(const char* text, void (*complain)(const Text& line));
  char report_target_[kMaxTarget] = {};
};

}  // namespace hak
