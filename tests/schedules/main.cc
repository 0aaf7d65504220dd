// hakmem_schedules: explores the scenarios. A line per scenario; the last line sums up; status 1 if a
// schedule failed, a scenario had fewer schedules than it must have, or a seeded fault was not found.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>

#include "pool.h"
#include "scenarios.h"
#include "trace.h"

namespace hak::schedule {
namespace {

struct Choices {
  std::vector<std::string> names;
  Settings settings;
  std::string replay, traces;
  int cross_check = -1;
  bool list = false, twins = false;
};

const Scenario* find(const std::string& name) {
  for (const Scenario& scenario : scenarios())
    if (scenario.name == name) return &scenario;
  return nullptr;
}

double seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// A schedule as text: per access one character, the thread and which value a load takes.
constexpr std::string_view kSteps = "012abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
std::string text_of(const std::vector<u8>& schedule) {
  std::string text;
  for (const u8 step : schedule) text += kSteps[std::size_t{step & 3U} + 3U * (step >> 2)];
  return text;
}
std::vector<u8> schedule_of(const std::string& text) {
  std::vector<u8> schedule;
  for (const char c : text) {
    const std::size_t at = kSteps.find(c);
    if (at == std::string_view::npos) throw CLI::ValidationError("--replay", "no schedule: " + text);
    schedule.push_back(static_cast<u8>(at % 3 | at / 3 << 2));
  }
  return schedule;
}

Result run(const Scenario& scenario, const Settings& settings, void (*observe)(const Access&) = nullptr) {
  scenario.prepare();
  Pool::snapshot();
  return explore({Pool::restore, scenario.body, scenario.check, observe, outcome}, settings);
}

struct Sum {
  u64 scenarios = 0, schedules = 0, faults = 0, below = 0;
};

void report(const Scenario& scenario, const Settings& settings, const Result& result, double took,
            Sum* sum) {
  // The least number holds for a whole exploration; a bounded one ends where it was told to.
  const u64 least = std::min(scenario.least, settings.max_schedules);
  const bool below = result.failure.empty() && settings.preemptions < 0 && result.schedules < least;
  const std::string bound =
      settings.preemptions < 0 ? "none" : std::to_string(settings.preemptions);
  fmt::print("schedules: scenario={} model={} preemptions={} schedules={} least={} redundant={} "
             "outcomes={} longest={} complete={} faults={} seconds={:.1f}\n",
             scenario.name, settings.weak ? "weak" : "sc", bound, result.schedules, least,
             result.redundant, result.outcomes, result.longest, result.complete ? "yes" : "no",
             result.failure.empty() ? 0 : 1, took);
  if (below) fmt::print("  too few schedules: the exploration is not what it was\n");
  if (!result.failure.empty())
    fmt::print("  {}\n  --replay {}\n", result.failure, text_of(result.schedule));
  ++sum->scenarios;
  sum->schedules += result.schedules;
  sum->faults += !result.failure.empty();
  sum->below += below;
  std::fflush(stdout);
}

void explore_all(const std::vector<const Scenario*>& wanted, const Settings& settings, Sum* sum) {
  for (const Scenario* scenario : wanted) {
    const double begin = seconds();
    const Result result = run(*scenario, settings);
    report(*scenario, settings, result, seconds() - begin, sum);
  }
}

/// Everything that comes of a schedule with few preemptions must come of the reduced exploration too.
void cross_check(const std::vector<const Scenario*>& wanted, const Choices& choices, Sum* sum) {
  for (const Scenario* scenario : wanted) {
    const Result reduced = run(*scenario, choices.settings);
    if (!reduced.complete) continue;
    Settings bounded = choices.settings;
    bounded.preemptions = choices.cross_check;
    const Result all = run(*scenario, bounded);
    const bool missing = !std::includes(reduced.outcome_set.begin(), reduced.outcome_set.end(),
                                        all.outcome_set.begin(), all.outcome_set.end());
    fmt::print("schedules: scenario={} reduced={} bounded={} outcomes={} of {} faults={}\n",
               scenario->name, reduced.schedules, all.schedules, all.outcomes, reduced.outcomes,
               missing || !reduced.failure.empty() || !all.failure.empty());
    ++sum->scenarios;
    sum->schedules += reduced.schedules + all.schedules;
    sum->faults += missing || !reduced.failure.empty() || !all.failure.empty();
    std::fflush(stdout);
  }
}

struct Twin {
  Seeded fault;
  std::string_view id, drivers;
};
constexpr Twin kTwins[] = {
#define HAK_SEEDED_FAULT(name, id, text, drivers) {Seeded::name, id, drivers},
#include "base/seeded.def"
#undef HAK_SEEDED_FAULT
};

/// Every seeded fault that names this driver must make some schedule of some scenario fail.
int find_twins(const std::vector<const Scenario*>& wanted, const Choices& choices) {
  u64 twins = 0, found = 0;
  for (const Twin& twin : kTwins) {
    if (twin.drivers.find("schedules") == std::string_view::npos) continue;
    ++twins;
    g_seeded = twin.fault;
    u64 schedules = 0;
    std::string where;
    for (int weak = 0; weak < 2 && where.empty(); ++weak) {
      Settings settings = choices.settings;
      settings.weak = weak != 0;
      for (std::size_t i = 0; i < wanted.size() && where.empty(); ++i) {
        const Result result = run(*wanted[i], settings);
        schedules += result.schedules;
        if (!result.failure.empty())
          where = fmt::format("{} ({}): {}", wanted[i]->name, weak ? "weak" : "sc", result.failure);
      }
    }
    g_seeded = Seeded::kNone;
    found += !where.empty();
    fmt::print("twin: fault={} found={} schedules={} {}\n", twin.id, where.empty() ? 0 : 1, schedules,
               where);
    std::fflush(stdout);
  }
  fmt::print("schedules: twins={} found={} faults={}\n", twins, found, twins - found);
  return twins != 0 && twins == found ? 0 : 1;
}

void print_access(const Access& access) {
  constexpr const char* kNames[] = {"load", "store", "modify", "lock", "unlock", "await"};
  fmt::print("  {} {:<6} {} {:#x}", access.thread, kNames[static_cast<int>(access.kind)], access.at,
             access.before);
  if (access.wrote) fmt::print(" -> {:#x}", access.after);
  fmt::print("\n");
}

int replay(const Scenario& scenario, const Choices& choices) {
  Settings settings = choices.settings;
  settings.replay = schedule_of(choices.replay);
  const Result result = run(scenario, settings, print_access);
  fmt::print("schedules: scenario={} schedules={} faults={} {}\n", scenario.name, result.schedules,
             result.failure.empty() ? 0 : 1, result.failure);
  return result.failure.empty() ? 0 : 1;
}

Tracer g_tracer;

/// Every run of every scenario that begins with a slab, as traces for the model.
int write_traces(const std::vector<const Scenario*>& wanted, const Choices& choices) {
  u64 schedules = 0;
  for (const Scenario* scenario : wanted) {
    scenario->prepare();
    void* block = g_world->blocks[1];
    if (!block || !is_slab_slot(byte_load(g_world->heap.arena.state_of(block)))) continue;
    Pool::snapshot();
    g_tracer.begin();
    static std::string (*check)() = nullptr;
    check = scenario->check;
    const Program program = {
        [] {
          Pool::restore();
          g_tracer.restart();
        },
        scenario->body,
        [] {
          g_tracer.keep();
          return check();
        },
        [](const Access& access) { g_tracer.observe(access); }, outcome};
    // A fault of the code is the explorer's to report; its trace is kept all the same.
    schedules += explore(program, choices.settings).schedules;
  }
  if (!g_tracer.write(choices.traces)) {
    fmt::print(stderr, "hakmem_schedules: cannot write {}\n", choices.traces);
    return 1;
  }
  fmt::print("schedules: schedules={} traces={} faults=0\n", schedules, g_tracer.size());
  return g_tracer.size() ? 0 : 1;
}

int run_all(const Choices& choices) {
  std::vector<const Scenario*> wanted;
  for (const Scenario& scenario : scenarios()) {
    if (choices.list) fmt::print("{:<18} {}\n", scenario.name, scenario.about);
    const auto& names = choices.names;
    if (names.empty() || std::find(names.begin(), names.end(), scenario.name) != names.end())
      wanted.push_back(&scenario);
  }
  if (choices.list) return 0;
  open_world();
  if (!choices.replay.empty()) return replay(*wanted.front(), choices);
  if (choices.twins) return find_twins(wanted, choices);
  if (!choices.traces.empty()) return write_traces(wanted, choices);
  Sum sum;
  if (choices.cross_check >= 0) {
    cross_check(wanted, choices, &sum);
  } else {
    explore_all(wanted, choices.settings, &sum);
  }
  fmt::print("schedules: scenarios={} schedules={} below={} faults={}\n", sum.scenarios,
             sum.schedules, sum.below, sum.faults);
  return sum.faults || sum.below || sum.schedules == 0 ? 1 : 0;
}

}  // namespace
}  // namespace hak::schedule

int main(int argc, char** argv) {
  using namespace hak::schedule;
  Choices choices;
  CLI::App app("Explores every schedule of three threads on the heap's concurrent code.");
  app.add_option("scenario", choices.names, "which; all if none is named")
      ->check([](const std::string& name) {
        return find(name) ? std::string() : "no scenario is named '" + name + "'; see --list";
      });
  app.add_flag("--list", choices.list, "name the scenarios");
  app.add_flag("--weak", choices.settings.weak, "loads may read old values, as C++20 allows");
  app.add_option("--stale", choices.settings.stale_reads, "old values per thread and run (1)");
  app.add_option("--preemptions", choices.settings.preemptions,
                 "every schedule with at most so many preemptions, without reduction")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--max", choices.settings.max_schedules, "stop a scenario after so many");
  app.add_option("--cross-check", choices.cross_check,
                 "compare what comes of it with a bounded exploration without reduction")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--twins", choices.twins, "seeded faults: each must be found");
  app.add_option("--replay", choices.replay, "one schedule of the one scenario named, as printed");
  app.add_option("--traces", choices.traces, "write what happens to a slab, for the model, to this file");
  try {
    app.parse(argc, argv);
    if (!choices.replay.empty() && choices.names.size() != 1)
      throw CLI::ValidationError("--replay", "name the one scenario");
    return run_all(choices);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
}
