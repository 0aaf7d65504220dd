#include "model/agree.h"

namespace hak::props {
namespace {

std::string difference(const Observation& left, const Observation& right) {
  const auto number = [](u64 value) { return std::to_string(value); };
  if (left.place != right.place) return "place " + number(left.place) + " against " + number(right.place);
  if (left.fault != right.fault)
    return std::string("verdict ") + fault_id(left.fault) + " against " + fault_id(right.fault);
  if (left.value != right.value) return "size " + number(left.value) + " against " + number(right.value);
  if (left.error != right.error)
    return "errno " + std::to_string(left.error) + " against " + std::to_string(right.error);
  return "header " + number(left.header) + " against " + number(right.header);
}

Outcome run_one(InstanceSystem& system, const Script& script, unsigned policy, bool tracked,
                Runner::Config config, std::vector<Observation>* seen) {
  system.set_policy(policy, tracked);
  config.observe = true;
  Runner runner(system, config);
  Outcome outcome = runner.run(script);
  *seen = runner.observations();
  if (!outcome.ok) {
    const bool in_op = outcome.op < script.ops.size();
    outcome.message = "policy " + std::to_string(policy) + " (" + policy_name(policy) + "), " +
                      (in_op ? "operation " + std::to_string(outcome.op + 1) + " `" +
                                   format_op(script.ops[outcome.op]) + "`"
                             : std::string("end of script")) +
                      ": " + outcome.message;
  }
  return outcome;
}

Outcome compare(const Script& script, unsigned left, const std::vector<Observation>& a, unsigned right,
                const std::vector<Observation>& b) {
  Outcome outcome;
  for (std::size_t i = 0; i < script.ops.size(); ++i) {
    if (a[i] == b[i]) continue;
    outcome.ok = false;
    outcome.op = i;
    outcome.message = "policies " + std::to_string(left) + " (" + policy_name(left) + ") and " +
                      std::to_string(right) + " (" + policy_name(right) + ") differ at operation " +
                      std::to_string(i + 1) + " `" + format_op(script.ops[i]) + "`: " + difference(a[i], b[i]);
    return outcome;
  }
  outcome.executed = script.ops.size() * 2;
  return outcome;
}

}  // namespace

std::string policy_name(unsigned policy) {
  const Policy p = policy_at(policy);
  std::string name = "A";
  name += p.direct ? '1' : '0';
  name += p.env_ctx ? " B1 C" : " B0 C";
  name += static_cast<char>('0' + static_cast<int>(p.stats));
  name += p.trusted ? " D1" : " D0";
  name += p.route_map ? " E1" : " E0";
  return name;
}

Outcome run_pair(InstanceSystem& system, const Script& script, unsigned left, unsigned right, bool tracked,
                 Runner::Config config) {
  std::vector<Observation> a, b;
  Outcome outcome = run_one(system, script, left, tracked, config, &a);
  if (!outcome.ok) return outcome;
  outcome = run_one(system, script, right, tracked, config, &b);
  return outcome.ok ? compare(script, left, a, right, b) : outcome;
}

Outcome run_all_policies(InstanceSystem& system, const Script& script, bool tracked, Runner::Config config) {
  std::vector<Observation> first, other;
  Outcome outcome = run_one(system, script, 0, tracked, config, &first);
  for (unsigned policy = 1; policy < kPolicyCount && outcome.ok; ++policy) {
    outcome = run_one(system, script, policy, tracked, config, &other);
    if (outcome.ok) outcome = compare(script, 0, first, policy, other);
  }
  return outcome;
}

}  // namespace hak::props
