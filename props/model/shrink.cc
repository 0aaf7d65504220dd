#include "model/shrink.h"

namespace hak::props {
namespace {

/// Delta debugging (Zeller & Hildebrandt 2002) over the operations: ever smaller runs are left out.
void drop_operations(Script* script, const std::function<bool(const Script&)>& fails) {
  for (std::size_t run = script->ops.size() / 2; run >= 1; run /= 2) {
    for (std::size_t at = 0; at < script->ops.size();) {
      Script candidate = *script;
      const auto begin = candidate.ops.begin() + static_cast<std::ptrdiff_t>(at);
      const std::size_t length = std::min(run, script->ops.size() - at);
      candidate.ops.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
      if (fails(candidate)) {
        *script = candidate;
      } else {
        at += run;
      }
    }
  }
}

template <typename Change>
bool attempt(Script* script, const std::function<bool(const Script&)>& fails, Change change) {
  Script candidate = *script;
  change(candidate);
  if (candidate == *script || !fails(candidate)) return false;
  *script = candidate;
  return true;
}

void simplify_operands(Script* script, const std::function<bool(const Script&)>& fails) {
  for (std::size_t i = 0; i < script->ops.size(); ++i) {
    attempt(script, fails, [i](Script& s) { s.ops[i].thread = 0; });
    attempt(script, fails, [i](Script& s) { s.ops[i].word = 0; });
    const u64 a = script->ops[i].a, b = script->ops[i].b;
    for (u64 smaller : {u64{1}, u64{16}, u64{64}, u64{1000}, a / 2, a - 1})
      if (smaller < a && attempt(script, fails, [=](Script& s) { s.ops[i].a = smaller; })) break;
    for (u64 smaller : {u64{1}, u64{16}, u64{64}, u64{1000}, b / 2, b - 1})
      if (smaller < b && attempt(script, fails, [=](Script& s) { s.ops[i].b = smaller; })) break;
  }
}

}  // namespace

void shrink(Script* script, const std::function<bool(const Script&)>& fails) {
  drop_operations(script, fails);
  attempt(script, fails, [](Script& s) { s.profile = Profile::kHardened; });
  attempt(script, fails, [](Script& s) { s.guards = true; });
  attempt(script, fails, [](Script& s) { s.light_guards = true; });
  attempt(script, fails, [](Script& s) { s.seed = 1; });
  attempt(script, fails, [](Script& s) { s.route_mask = 255; });
  attempt(script, fails, [](Script& s) { s.lane_mask = 255; });
  simplify_operands(script, fails);
  drop_operations(script, fails);
}

}  // namespace hak::props
