#include "base/options.h"

#include "base/seeded.h"

namespace hak {
namespace {

constexpr OptionInfo kInfo[] = {
#define HAK_OPTION(id, name, kind, fast, hardened, paranoid, max, change, doc) \
  {name, OptionKind::kind, {static_cast<u64>(fast), static_cast<u64>(hardened), static_cast<u64>(paranoid)}, max, OptionChange::change, doc},
#include "base/options.def"
#undef HAK_OPTION
};
static_assert(sizeof(kInfo) / sizeof(kInfo[0]) == kOptionCount);

struct TargetInfo {
  const char* name;
  bool descriptors;
};
constexpr TargetInfo kTargets[] = {
#define HAK_TARGET(id, name, descriptors, doc) {name, descriptors},
#include "base/targets.def"
#undef HAK_TARGET
};

constexpr const char* kProfileNames[] = {"fast", "hardened", "paranoid"};
constexpr const char* kStatsNames[] = {"off", "sampled", "every"};
constexpr const char* kOnFaultNames[] = {"abort", "trap", "continue"};
constexpr const char* kForeignNames[] = {"abort", "ignore", "libc"};

const char* const* names_of(OptionKind kind) {
  switch (kind) {
    case OptionKind::kProfileName: return kProfileNames;
    case OptionKind::kStatsName: return kStatsNames;
    case OptionKind::kOnFaultName: return kOnFaultNames;
    case OptionKind::kForeignName: return kForeignNames;
    case OptionKind::kBool:
    case OptionKind::kNumber: break;
  }
  return nullptr;
}

bool same(const char* a, const char* b) {
  while (*a && *a == *b) ++a, ++b;
  return *a == *b;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

bool parse_number(const char* text, u64 max, u64* value) {
  u64 base = 10;
  if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text += 2;
  }
  if (!*text) return false;
  u64 result = 0;
  for (; *text; ++text) {
    const auto digit = static_cast<u64>(digit_of(*text));
    if (digit >= base) return false;
    if (__builtin_mul_overflow(result, base, &result) ||
        __builtin_add_overflow(result, digit, &result) || result > max)
      return false;
  }
  *value = result;
  return true;
}

/// The value of `name` in `environment`, or null. getenv would need libc to be initialised.
const char* find_variable(char** environment, const char* name) {
  if (!environment) return nullptr;
  for (char** entry = environment; *entry; ++entry) {
    const char* have = *entry;
    const char* want = name;
    while (*want && *have == *want) ++have, ++want;
    if (!*want && *have == '=') return have + 1;
  }
  return nullptr;
}

}  // namespace

const OptionInfo& option_info(OptionId id) { return kInfo[static_cast<std::size_t>(id)]; }

bool parse_option(OptionId id, const char* text, u64* value) {
  const OptionInfo& info = option_info(id);
  if (const char* const* names = names_of(info.kind)) {
    for (u64 i = 0; i <= info.max; ++i) {
      if (same(text, names[i])) {
        *value = i;
        return true;
      }
    }
    return false;
  }
  return parse_number(text, info.max, value);
}

void describe_accepted(OptionId id, Text& out) {
  const OptionInfo& info = option_info(id);
  if (const char* const* names = names_of(info.kind)) {
    for (u64 i = 0; i <= info.max; ++i)
      out.str(i == 0 ? "" : i == info.max ? " or " : ", ").str(names[i]);
    return;
  }
  if (info.kind == OptionKind::kBool) {
    out.str("0 or 1");
    return;
  }
  out.str("a number from 0 to ").dec(info.max);
}

void format_option(OptionId id, u64 value, Text& out) {
  const OptionInfo& info = option_info(id);
  const char* const* names = names_of(info.kind);
  if (names && value <= info.max) {
    out.str(names[value]);
  } else {
    out.dec(value);
  }
}

void Options::load_defaults(Profile profile) {
  for (std::size_t i = 0; i < kOptionCount; ++i)
    store(i, kInfo[i].defaults[static_cast<std::size_t>(profile)]);
  store(static_cast<std::size_t>(OptionId::kProfile), static_cast<u64>(profile));
}

void Options::load(char** environment, void (*complain)(const Text& line)) {
  u64 profile = static_cast<u64>(Profile::kHardened);
  if (const char* text = find_variable(environment, "HAKMEM_PROFILE"))
    parse_option(OptionId::kProfile, text, &profile);
  load_defaults(static_cast<Profile>(profile));
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    const auto id = static_cast<OptionId>(i);
    const char* text = find_variable(environment, kInfo[i].name);
    if (!text) continue;
    if (kInfo[i].change == OptionChange::kFixed) {
      TextBuffer<128> line;
      complain(line.str("hakmem: ").str(kInfo[i].name).str(" is fixed in this build").line());
      continue;
    }
    u64 value = 0;
    if (parse_option(id, text, &value)) {
      store(i, value);
      continue;
    }
    TextBuffer<512> line;
    line.str("hakmem: ").str(kInfo[i].name).str("=").cut(text, 100).str(" is not valid; accepted: ");
    describe_accepted(id, line);
    complain(line.line());
  }
  for (std::size_t i = 0; i < kTargetCount; ++i)
    load_target(static_cast<Target>(i), environment, complain);
}

/// Copied: programs that set their title overwrite the environment.
void Options::load_target(Target which, char** environment, void (*complain)(const Text& line)) {
  const TargetInfo& info = kTargets[static_cast<std::size_t>(which)];
  char* target = targets_[static_cast<std::size_t>(which)];
  const char* text = find_variable(environment, info.name);
  target[0] = 0;
  if (!text) return;
  u64 fd = 0;
  const bool number = text[0] == 'f' && text[1] == 'd' && text[2] == ':';
  std::size_t length = 0;
  while (length < kMaxTarget && text[length]) ++length;
  const bool bad_number =
      number && (!info.descriptors || (text[3] && (text[4] == 'x' || text[4] == 'X')) || !parse_number(text + 3, 1U << 20, &fd));
  if (length == 0 || length == kMaxTarget || bad_number) {
    TextBuffer<512> line;
    line.str("hakmem: ").str(info.name).str("=").cut(text, 100).str(" is not valid; accepted: ");
    line.str("a path of up to 255 bytes").str(info.descriptors ? ", or fd:N" : "").line();
    complain(line);
    return;
  }
  for (std::size_t i = 0; i <= length; ++i) target[i] = text[i];
}

void Options::set(OptionId id, u64 value) {
  store(static_cast<std::size_t>(id), value);
  if (!HAK_SEEDED(kGenerationKept)) generation_.fetch_add(1, kRelease);
}

Policy Options::policy() const {
  if constexpr (!kPolicySwitches) return kDefaultPolicy;
  return {on(OptionId::kDirect), on(OptionId::kEnvCtx), static_cast<Stats>(get(OptionId::kStats)),
          !kDebugBuild && on(OptionId::kTrustedHeader), on(OptionId::kRouteMap)};
}

}  // namespace hak
