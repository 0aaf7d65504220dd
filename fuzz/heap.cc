// The whole heap: the first byte chooses policy and records, the rest is a script.
#include "common.h"
#include "system/instance.h"

using namespace hak;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static props::InstanceSystem system(0, false);
  static props::Runner runner(system, fuzz::kConfig);
  static props::Script script;
  if (size < fuzz::kChoiceBytes) return 0;
  const fuzz::HeapChoice choice = fuzz::heap_choice(data[0]);
  system.set_policy(choice.policy, choice.tracked);
  props::decode_binary(data + fuzz::kChoiceBytes, size - fuzz::kChoiceBytes, &script);
  const std::string how = "--policy " + std::to_string(choice.policy) + (choice.tracked ? " --tracked" : "");
  const props::Outcome outcome = runner.run(script);
  system.clear();
  fuzz::count_operations(outcome.executed);
  fuzz::stop_on_failure(outcome, script, how.c_str());
  return 0;
}
