// Two policies that differ in one switch must show the same: A FastLane against direct, B scattered
// environment reads against the context, C counting, D duplicate against trusted validation, E policy
// lookup against the route map. The first byte names the switch and the setting of the others.
#include "common.h"

using namespace hak;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static props::InstanceSystem system(0, false);
  static props::Script script;
  if (size < fuzz::kChoiceBytes) return 0;
  const fuzz::PairChoice choice = fuzz::pair_choice(data[0]);
  props::decode_binary(data + fuzz::kChoiceBytes, size - fuzz::kChoiceBytes, &script);
  const props::Outcome outcome =
      props::run_pair(system, script, choice.left, choice.right, choice.tracked, fuzz::kConfig);
  system.clear();
  fuzz::count_operations(outcome.executed);
  fuzz::stop_on_failure(outcome, script, choice.tracked ? "--agree --tracked" : "--agree");
  return 0;
}
