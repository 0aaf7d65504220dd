// The whole heap: the first byte chooses policy and records, the rest is a script.
#include "common.h"
#include "system/instance.h"

using namespace hak;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static props::InstanceSystem system(0, false);
  static props::Runner runner(system, fuzz::kConfig);
  static props::Script script;
  if (size == 0) return 0;
  const unsigned policy = data[0] % kPolicyCount;
  const bool tracked = data[0] >= 192;
  if (policy != system.policy() || tracked != system.tracked()) system.set_policy(policy, tracked);
  props::decode_binary(data + 1, size - 1, &script);
  const std::string how = "--policy " + std::to_string(policy) + (tracked ? " --tracked" : "");
  fuzz::stop_on_failure(runner.run(script), script, how.c_str());
  return 0;
}
