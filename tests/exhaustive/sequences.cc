// Every sequence of operations, to a depth, on a heap so small that its rare events are common: two
// classes whose magazines hold two slots, four slots, two threads. Each sequence is a script that runs
// on a fresh heap under the whole oracle. How many there are is computed a second time from the
// transition counts alone, so that an enumeration that skips something is seen. `agree` runs each on
// four policies, which must show the same.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "model/agree.h"
#include "system/instance.h"

using namespace hak;
using namespace hak::props;

namespace {

constexpr unsigned kSlots = 4;
constexpr unsigned kThreads = 2;
/// The two largest classes: both magazines hold two slots, a slab fifteen.
constexpr u64 kSizes[2] = {28000, 32000};

enum class Slot : u8 { kNever, kLive, kStale };
using Slots = std::array<Slot, kSlots>;

int lowest_free(const Slots& slots) {
  for (unsigned i = 0; i < kSlots; ++i)
    if (slots[i] != Slot::kLive) return static_cast<int>(i);
  return -1;
}

/// All operations that make sense in the state; each leads to a state.
struct Step {
  Op op;
  Slots after;
};

void add(std::vector<Step>& steps, OpKind kind, unsigned thread, unsigned slot, u64 a, const Slots& after) {
  Step step;
  step.op.kind = kind;
  step.op.thread = static_cast<u8>(thread);
  step.op.slot = static_cast<u8>(slot);
  step.op.a = a;
  step.after = after;
  steps.push_back(step);
}

std::vector<Step> steps_from(const Slots& slots) {
  std::vector<Step> steps;
  const int target = lowest_free(slots);
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    if (target >= 0) {
      Slots after = slots;
      after[static_cast<unsigned>(target)] = Slot::kLive;
      for (u64 size : kSizes) add(steps, OpKind::kMalloc, thread, static_cast<unsigned>(target), size, after);
    }
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      Slots after = slots;
      after[slot] = Slot::kStale;
      if (slots[slot] == Slot::kLive) add(steps, OpKind::kFree, thread, slot, 0, after);
      if (slots[slot] == Slot::kStale) add(steps, OpKind::kDoubleFree, thread, slot, 0, slots);
    }
    add(steps, OpKind::kThreadExit, thread, 0, 0, slots);
  }
  add(steps, OpKind::kPurge, 0, 0, 0, slots);
  return steps;
}

/// The number of sequences of `depth` steps from a state, by its counts: two sizes by two threads for
/// an allocation; two threads for each free, double free and exit; one purge.
u64 formula(const Slots& slots, unsigned depth, std::map<std::pair<Slots, unsigned>, u64>& known) {
  if (depth == 0) return 1;
  const auto key = std::pair(slots, depth);
  if (const auto at = known.find(key); at != known.end()) return at->second;
  u64 sum = 0, stay = 2 + 1;
  if (const int target = lowest_free(slots); target >= 0) {
    Slots after = slots;
    after[static_cast<unsigned>(target)] = Slot::kLive;
    sum += 4 * formula(after, depth - 1, known);
  }
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    Slots after = slots;
    after[slot] = Slot::kStale;
    if (slots[slot] == Slot::kLive) sum += 2 * formula(after, depth - 1, known);
    if (slots[slot] == Slot::kStale) stay += 2;
  }
  sum += stay * formula(slots, depth - 1, known);
  return known[key] = sum;
}

class Enumeration {
 public:
  Enumeration(unsigned policy, bool tracked, bool agree, unsigned depth)
      : system_(policy, tracked), runner_(system_, {}), tracked_(tracked), agree_(agree), depth_(depth) {}

  /// False if a sequence failed; then it has been printed.
  bool run(const Slots& slots) {
    if (script_.ops.size() == depth_) return check();
    for (const Step& step : steps_from(slots)) {
      script_.ops.push_back(step.op);
      if (!run(step.after)) return false;
      script_.ops.pop_back();
    }
    return true;
  }
  u64 sequences() const { return sequences_; }

 private:
  bool check() {
    ++sequences_;
    const Outcome outcome = agree_ ? compare() : runner_.run(script_);
    if (outcome.ok) return true;
    std::printf("operation %zu: %s\n%s", outcome.op + 1, outcome.message.c_str(), format_text(script_).c_str());
    return false;
  }

  /// Policy D off against on, behind the FastLane layer and without it, and the one against the other.
  Outcome compare() {
    Policy policy = policy_at(system_.policy());
    Outcome outcome;
    unsigned indices[4];
    for (unsigned i = 0; i < 4; ++i) {
      policy.trusted = i & 1, policy.direct = i & 2;
      indices[i] = policy_index(policy);
    }
    for (unsigned i = 1; i < 4 && outcome.ok; ++i)
      outcome = run_pair(system_, script_, indices[0], indices[i], tracked_, {});
    return outcome;
  }

  InstanceSystem system_;
  Runner runner_;
  Script script_;
  bool tracked_, agree_;
  unsigned depth_;
  u64 sequences_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const unsigned depth = argc > 1 ? static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)) : 4;
  const unsigned policy = argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : 0;
  const bool tracked = argc > 3 && std::strcmp(argv[3], "tracked") == 0;
  const bool agree = argc > 3 && std::strcmp(argv[3], "agree") == 0;
  if (depth == 0 || depth > 9 || policy >= kPolicyCount) {
    std::fprintf(stderr, "usage: exhaustive_sequences [DEPTH 1..9 [POLICY 0..%u [tracked|agree]]]\n", kPolicyCount - 1);
    return 2;
  }
  Enumeration enumeration(policy, tracked, agree, depth);
  const Slots start = {};
  if (!enumeration.run(start)) return 1;
  std::map<std::pair<Slots, unsigned>, u64> known;
  const u64 want = formula(start, depth, known);
  std::printf("sequences of %u operations: %llu, formula %llu\n", depth,
              static_cast<unsigned long long>(enumeration.sequences()), static_cast<unsigned long long>(want));
  return enumeration.sequences() == want ? 0 : 1;
}
