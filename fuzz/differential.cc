// Two policies that differ in one switch must show the same: A FastLane against direct, B scattered
// environment reads against the context, C counting, D duplicate against trusted validation, E policy
// lookup against the route map. The first byte names the switch and the setting of the others.
#include "common.h"
#include "model/agree.h"

using namespace hak;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static props::InstanceSystem system(0, false);
  static props::Script script;
  if (size == 0) return 0;
  // policy_index: A, B, D, E are bits 0 to 3, C a number above them.
  const unsigned rest = data[0] >> 3 & 15;
  const bool tracked = (data[0] & 128) != 0;
  const unsigned which = data[0] % 5;
  const unsigned left = which < 4 ? rest & ~(1U << which) : rest;
  const unsigned right = which < 4 ? left | 1U << which : left + 32;
  props::decode_binary(data + 1, size - 1, &script);
  const props::Outcome outcome = props::run_pair(system, script, left, right, tracked, fuzz::kConfig);
  fuzz::stop_on_failure(outcome, script, tracked ? "--agree --tracked" : "--agree");
  return 0;
}
