#pragma once
// Differential runs: one script on several policies, equal observations demanded.
#include "model/runner.h"
#include "system/instance.h"

namespace hak::props {

/// Runs the script on every policy of the table. All must pass, and show the same pointers (relative
/// to the base), verdicts, sizes, errno and header bytes as policy 0.
Outcome run_all_policies(InstanceSystem& system, const Script& script, bool tracked, Runner::Config config);

/// The same for two policies.
Outcome run_pair(InstanceSystem& system, const Script& script, unsigned left, unsigned right, bool tracked,
                 Runner::Config config);

/// "A0 B1 C0 D0 E1": the policy's switches.
std::string policy_name(unsigned policy);

}  // namespace hak::props
