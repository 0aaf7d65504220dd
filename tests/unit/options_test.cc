// base/options: every option, its accepted values, and what a bad one does.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/options.h"

namespace hak {
namespace {

std::vector<std::string> g_lines;
void keep_line(const Text& line) { g_lines.emplace_back(line.data(), line.size()); }

/// Options as a process with exactly these variables would have them.
struct Loaded {
  explicit Loaded(std::vector<std::string> variables) : entries(std::move(variables)) {
    g_lines.clear();
    for (std::string& entry : entries) environment.push_back(entry.data());
    environment.push_back(nullptr);
    options.load(environment.data(), keep_line);
  }
  std::vector<std::string> entries;
  std::vector<char*> environment;
  Options options;
};

OptionId id_at(std::size_t i) { return static_cast<OptionId>(i); }
std::string accepted(OptionId id) {
  TextBuffer<128> out;
  describe_accepted(id, out);
  return {out.data(), out.size()};
}
std::string formatted(OptionId id, u64 value) {
  TextBuffer<64> out;
  format_option(id, value, out);
  return {out.data(), out.size()};
}

TEST(Options, TableIsSound) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    const OptionInfo& info = option_info(id_at(i));
    EXPECT_EQ(std::string(info.name).rfind("HAKMEM_", 0), 0U) << info.name;
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " twice";
    EXPECT_GT(std::string(info.doc).size(), 10U) << info.name;
    for (u64 value : info.defaults) EXPECT_LE(value, info.max) << info.name;
  }
  EXPECT_EQ(names.size(), kOptionCount);
}

TEST(Options, EveryDefaultIsFormattedAndParsedBack) {
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    const OptionInfo& info = option_info(id_at(i));
    for (u64 value : {info.defaults[0], info.defaults[1], info.defaults[2], u64{0}, info.max}) {
      u64 parsed = ~value;
      ASSERT_TRUE(parse_option(id_at(i), formatted(id_at(i), value).c_str(), &parsed)) << info.name;
      EXPECT_EQ(parsed, value) << info.name;
    }
  }
}

TEST(Options, EveryOptionRefusesGarbage) {
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    for (const char* text : {"", " ", "x", "-1", "1 ", " 1", "+1", "1.0", "0x", "0xg", "1e3", "on",
                             "Fast", "abortt", "abor", "18446744073709551616", "0x10000000000000000",
                             "99999999999999999999999"}) {
      u64 value = 77;
      EXPECT_FALSE(parse_option(id_at(i), text, &value)) << option_info(id_at(i)).name << "=" << text;
      EXPECT_EQ(value, 77U) << "a refused text must not change the value";
    }
  }
}

TEST(Options, NumbersAreBoundedByTheMaximum) {
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    const OptionInfo& info = option_info(id_at(i));
    if (info.kind != OptionKind::kNumber && info.kind != OptionKind::kBool) continue;
    u64 value = 0;
    EXPECT_TRUE(parse_option(id_at(i), std::to_string(info.max).c_str(), &value));
    EXPECT_EQ(value, info.max);
    if (info.max == ~u64{0}) continue;
    EXPECT_FALSE(parse_option(id_at(i), std::to_string(info.max + 1).c_str(), &value)) << info.name;
  }
}

TEST(Options, HexInBothCasesAndWithLeadingZeros) {
  u64 value = 0;
  EXPECT_TRUE(parse_option(OptionId::kSeed, "0xDEADbeef", &value));
  EXPECT_EQ(value, 0xdeadbeefU);
  EXPECT_TRUE(parse_option(OptionId::kSeed, "0XFFFFFFFFFFFFFFFF", &value));
  EXPECT_EQ(value, ~u64{0});
  EXPECT_TRUE(parse_option(OptionId::kSeed, "0x0000000000000000000000000001", &value));
  EXPECT_EQ(value, 1U);
  EXPECT_TRUE(parse_option(OptionId::kFastLaneMask, "007", &value));
  EXPECT_EQ(value, 7U);
  EXPECT_FALSE(parse_option(OptionId::kFastLaneMask, "0x100", &value));
  EXPECT_FALSE(parse_option(OptionId::kFastLaneMask, "ff", &value));
}

TEST(Options, NamedValues) {
  u64 value = 0;
  const struct { OptionId id; const char* text; u64 value; } kNamed[] = {
      {OptionId::kProfile, "fast", 0},   {OptionId::kProfile, "hardened", 1},
      {OptionId::kProfile, "paranoid", 2}, {OptionId::kStats, "off", 0},
      {OptionId::kStats, "sampled", 1},  {OptionId::kStats, "every", 2},
      {OptionId::kOnFault, "abort", 0},  {OptionId::kOnFault, "trap", 1},
      {OptionId::kOnFault, "continue", 2}};
  for (const auto& named : kNamed) {
    ASSERT_TRUE(parse_option(named.id, named.text, &value)) << named.text;
    EXPECT_EQ(value, named.value) << named.text;
    EXPECT_EQ(formatted(named.id, named.value), named.text);
  }
  EXPECT_FALSE(parse_option(OptionId::kProfile, "1", &value));
  EXPECT_EQ(formatted(OptionId::kProfile, 9), "9") << "a value out of range is shown as it is";
}

TEST(Options, AcceptedValuesAreDescribed) {
  EXPECT_EQ(accepted(OptionId::kProfile), "fast, hardened or paranoid");
  EXPECT_EQ(accepted(OptionId::kOnFault), "abort, trap or continue");
  EXPECT_EQ(accepted(OptionId::kStats), "off, sampled or every");
  EXPECT_EQ(accepted(OptionId::kGuards), "0 or 1");
  EXPECT_EQ(accepted(OptionId::kFastLaneMask), "a number from 0 to 255");
  EXPECT_EQ(accepted(OptionId::kSeed), "a number from 0 to 18446744073709551615");
}

TEST(Options, WithoutVariablesTheHardenedDefaultsHold) {
  Loaded loaded({"PATH=/bin"});
  for (std::size_t i = 0; i < kOptionCount; ++i)
    EXPECT_EQ(loaded.options.get(id_at(i)), option_info(id_at(i)).defaults[1])
        << option_info(id_at(i)).name;
  EXPECT_STREQ(loaded.options.report_target(), "");
  EXPECT_TRUE(g_lines.empty());
  Options none;
  none.load(nullptr, keep_line);
  EXPECT_EQ(none.profile(), Profile::kHardened);
}

TEST(Options, EveryOptionIsTakenFromTheEnvironment) {
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    const OptionInfo& info = option_info(id_at(i));
    const u64 other = info.defaults[1] == info.max ? info.max - 1 : info.max;
    Loaded loaded({std::string(info.name) + "=" + formatted(id_at(i), other)});
    EXPECT_EQ(loaded.options.get(id_at(i)), other) << info.name;
    EXPECT_TRUE(g_lines.empty()) << info.name;
    for (std::size_t k = 0; k < kOptionCount; ++k) {
      if (k == i || id_at(i) == OptionId::kProfile) continue;
      EXPECT_EQ(loaded.options.get(id_at(k)), option_info(id_at(k)).defaults[1]);
    }
  }
}

TEST(Options, ProfileSetsTheDefaultsAndSingleOptionsOverrideIt) {
  for (const char* order : {"before", "behind"}) {
    std::vector<std::string> variables = {"HAKMEM_PROFILE=fast", "HAKMEM_GUARDS=1"};
    if (std::string(order) == "behind") std::swap(variables[0], variables[1]);
    Loaded loaded(variables);
    EXPECT_EQ(loaded.options.profile(), Profile::kFast);
    EXPECT_TRUE(loaded.options.on(OptionId::kGuards)) << order;
    EXPECT_FALSE(loaded.options.on(OptionId::kRandomOrder));
    EXPECT_FALSE(loaded.options.on(OptionId::kTrailingCheck));
  }
  Loaded paranoid({"HAKMEM_PROFILE=paranoid"});
  EXPECT_EQ(paranoid.options.get(OptionId::kZeroMaxBytes), u64{1} << 20);
}

TEST(Options, ABadValueKeepsTheDefaultAndSaysSoInOneLine) {
  Loaded loaded({"HAKMEM_GUARDS=yes", "HAKMEM_PROFILE=turbo"});
  EXPECT_TRUE(loaded.options.on(OptionId::kGuards));
  EXPECT_EQ(loaded.options.profile(), Profile::kHardened);
  ASSERT_EQ(g_lines.size(), 2U);
  EXPECT_EQ(g_lines[0],
            "hakmem: HAKMEM_PROFILE=turbo is not valid; accepted: fast, hardened or paranoid\n");
  EXPECT_EQ(g_lines[1], "hakmem: HAKMEM_GUARDS=yes is not valid; accepted: 0 or 1\n");
}

TEST(Options, AnOverlongBadValueIsCutOff) {
  Loaded loaded({"HAKMEM_GUARDS=" + std::string(100000, 'y')});
  ASSERT_EQ(g_lines.size(), 1U);
  EXPECT_LE(g_lines[0].size(), 512U);
  EXPECT_EQ(g_lines[0].back(), '\n') << "still one line";
}

TEST(Options, NamesMustMatchWhole) {
  Loaded loaded({"HAKMEM_GUARDSX=0", "XHAKMEM_GUARDS=0", "HAKMEM_GUARDS", "HAKMEM_GUARD=0", "",
                 "=0"});
  EXPECT_TRUE(loaded.options.on(OptionId::kGuards));
  EXPECT_TRUE(g_lines.empty());
}

TEST(Options, TheFirstOfTwoDefinitionsCounts) {
  Loaded loaded({"HAKMEM_SEED=5", "HAKMEM_SEED=6"});
  EXPECT_EQ(loaded.options.get(OptionId::kSeed), 5U);
}

TEST(Options, ReportTargetIsTakenAndCopied) {
  Loaded loaded({"HAKMEM_REPORT=fd:7"});
  EXPECT_STREQ(loaded.options.report_target(), "fd:7");
  Loaded path({"HAKMEM_REPORT=/some/where"});
  path.entries[0].assign(path.entries[0].size(), '#');  // as setproctitle does
  EXPECT_STREQ(path.options.report_target(), "/some/where");
}

TEST(Options, ABadReportTargetIsRefusedInOneLine) {
  for (const std::string& target :
       {std::string("fd:"), std::string("fd:x"), std::string("fd:0x1"), std::string("fd:0X1"), std::string("fd:-1"),
        std::string("fd:99999999999999999999"), std::string()}) {
    Loaded loaded({"HAKMEM_REPORT=" + target});
    EXPECT_STREQ(loaded.options.report_target(), "") << target;
    ASSERT_EQ(g_lines.size(), 1U) << target;
    EXPECT_EQ(g_lines[0], "hakmem: HAKMEM_REPORT=" + target +
                              " is not valid; accepted: a path of up to 255 bytes, or fd:N\n");
  }
  Loaded too_long({"HAKMEM_REPORT=" + std::string(256, 'p')});
  EXPECT_STREQ(too_long.options.report_target(), "");
  ASSERT_EQ(g_lines.size(), 1U);
  EXPECT_EQ(g_lines[0].back(), '\n');
  Loaded longest({"HAKMEM_REPORT=" + std::string(255, 'p')});
  EXPECT_EQ(longest.options.report_target(), std::string(255, 'p'));
}

TEST(Options, SetPublishesValueAndGeneration) {
  Options options;
  options.load_defaults(Profile::kHardened);
  const u32 before = options.generation();
  options.set(OptionId::kRouteMask, 3);
  EXPECT_EQ(options.get(OptionId::kRouteMask), 3U);
  EXPECT_NE(options.generation(), before);
}

TEST(Options, PolicyFollowsTheFiveSwitches) {
  Options options;
  options.load_defaults(Profile::kHardened);
  EXPECT_EQ(policy_index(options.policy()), policy_index(kDefaultPolicy));
  for (unsigned index = 0; index < kPolicyCount; ++index) {
    const Policy wanted = policy_at(index);
    options.set(OptionId::kDirect, wanted.direct);
    options.set(OptionId::kEnvCtx, wanted.env_ctx);
    options.set(OptionId::kStats, static_cast<u64>(wanted.stats));
    options.set(OptionId::kTrustedHeader, wanted.trusted);
    options.set(OptionId::kRouteMap, wanted.route_map);
    Policy expected = wanted;
    if (kDebugBuild) expected.trusted = false;  // Debug validates twice, always
    EXPECT_EQ(policy_index(options.policy()), policy_index(expected)) << index;
  }
}

}  // namespace
}  // namespace hak
