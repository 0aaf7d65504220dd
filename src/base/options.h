#pragma once
// Options: one table, read from the environment once, in the first call that needs the heap.
#include "base/atomic.h"
#include "base/text.h"
#include "policy.h"

namespace hak {

enum class OptionKind : u8 { kBool, kNumber, kProfileName, kStatsName, kOnFaultName, kForeignName };
/// kFixed: compiled in. kPolicy: like kRun where the switches of policies are.
enum class OptionChange : u8 { kStart, kRun, kFixed, kPolicy = kPolicySwitches ? kRun : kFixed };
enum class OptionId : u8 {
#define HAK_OPTION(id, name, kind, fast, hardened, paranoid, max, change, doc) id,
#include "base/options.def"
#undef HAK_OPTION
  kCount
};
inline constexpr std::size_t kOptionCount = static_cast<std::size_t>(OptionId::kCount);

/// Variables whose value names a file.
enum class Target : u8 {
#define HAK_TARGET(id, name, descriptors, doc) id,
#include "base/targets.def"
#undef HAK_TARGET
  kCount
};
inline constexpr std::size_t kTargetCount = static_cast<std::size_t>(Target::kCount);

enum class Profile : u8 { kFast, kHardened, kParanoid };
enum class OnFault : u8 { kAbort, kTrap, kContinue };
enum class Foreign : u8 { kAbort, kIgnore, kLibc };

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

inline constexpr OptionChange kOptionChanges[] = {
#define HAK_OPTION(id, name, kind, fast, hardened, paranoid, max, change, doc) OptionChange::change,
#include "base/options.def"
#undef HAK_OPTION
};

/// The current values. `generation` grows with every change; a thread whose cached context carries
/// another generation reads the values again (policy B's invalidation). What is read at start only and
/// what may change later lie on pages of their own: the process makes both read-only.
class alignas(kPageBytes) Options {
 public:
  u64 get(OptionId id) const {
    const auto i = static_cast<std::size_t>(id);
    return (kOptionChanges[i] == OptionChange::kRun ? later_ : values_)[i].load(kRelaxed);
  }
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
  /// A path, "fd:N" where the variable accepts it, or empty.
  const char* target(Target which) const { return targets_[static_cast<std::size_t>(which)]; }
  const char* report_target() const { return target(Target::kReport); }
  static constexpr std::size_t kMaxTarget = 256;
  /// The page of what may change later, the last one.
  void* later_page() { return later_; }

 private:
  void load_target(Target which, char** environment, void (*complain)(const Text& line));
  void store(std::size_t i, u64 value) {
    (kOptionChanges[i] == OptionChange::kRun ? later_ : values_)[i].store(value, kRelaxed);
  }
  Atomic<u64> values_[kOptionCount] = {};
  char targets_[kTargetCount][kMaxTarget] = {};
  alignas(kPageBytes) Atomic<u64> later_[kOptionCount] = {};
  Atomic<u32> generation_{1};
};
static_assert(sizeof(Options) == 2 * kPageBytes);

}  // namespace hak
