// Properties of the heap over all scripts, named after the invariants they demand. A failure is
// shrunk, printed as a script, written to a file, and reproduced by the RC_PARAMS line that RapidCheck
// prints or by hakmem-replay.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "model/agree.h"
#include "properties/generators.h"
#include "system/instance.h"
#include "system/libc.h"

using namespace hak;
using namespace hak::props;

namespace {

constexpr const char* kFailedScript = "property.script";

/// Fails the property with the oracle's line; the script that failed last, the smallest, is kept.
void demand(const Outcome& outcome, const Script& script, const std::string& how) {
  if (outcome.ok) return;
  std::ofstream(kFailedScript) << format_text(script);
  RC_FAIL(outcome.message + "\nreplay: hakmem-replay " + how + " " + kFailedScript);
}

void run_on(InstanceSystem& system, const Script& script, unsigned policy, bool tracked, bool audit) {
  Runner::Config config;
  config.audit_each = audit;
  system.set_policy(policy, tracked);
  demand(run_script(system, script, config), script,
         "--policy " + std::to_string(policy) + (tracked ? " --tracked" : "") + (audit ? " --audit" : ""));
}

unsigned any_policy() { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0U, kPolicyCount)); }

/// Keeps what the predicate takes; a script of nothing else is still a script.
template <typename Keep>
Script only(Script script, Keep keep) {
  std::erase_if(script.ops, [&](const Op& op) { return !keep(op); });
  return script;
}

bool check_heap(InstanceSystem& system) {
  bool ok = rc::check("A1 S1 S2 S3 H1 L1 M1 M3 hold after every operation",
                      [&](const Script& script) { run_on(system, script, any_policy(), false, true); });
  ok &= rc::check("V1 every misuse gets its verdict, every legal call none",
                  [&](const Script& script) { run_on(system, script, any_policy(), false, false); });
  ok &= rc::check("T1 T2 T3 exact records: canary, family, write after free, exact sizes",
                  [&](const Script& script) { run_on(system, script, any_policy(), true, false); });
  ok &= rc::check("S1 T1 hold after every operation with exact records",
                  [&](const Script& script) { run_on(system, script, any_policy(), true, true); });
  ok &= rc::check("R1 frees by other threads and ends of threads lose nothing", [&](const Script& script) {
    const auto crossing = [](const Op& op) {
      return op.kind == OpKind::kMalloc || op.kind == OpKind::kFree || op.kind == OpKind::kChurn ||
             op.kind == OpKind::kThreadExit || op.kind == OpKind::kPurge || op.kind == OpKind::kDoubleFree;
    };
    run_on(system, only(script, crossing), any_policy(), false, true);
  });
  return ok;
}

bool check_limits(InstanceSystem& system) {
  return rc::check("memory that runs out is a result, and leaves the heap whole", [&](const Script& script) {
    Script scarce = only(script, [](const Op& op) { return !is_misuse(op.kind); });
    // Every system call that can fail fails somewhere, and large blocks use the arena up.
    for (std::size_t i = 0; i < scarce.ops.size(); ++i) {
      Op& op = scarce.ops[i];
      if (op.kind == OpKind::kMalloc && i % 4 == 0) op.a = (u64{1} << 20) + op.a % (u64{4} << 20);
      if (op.kind == OpKind::kUsable || op.kind == OpKind::kFill) {
        op = Op{};
        op.kind = OpKind::kOsFail;
        op.word = static_cast<u8>(i % static_cast<unsigned>(OsCall::kCount));
        op.a = i % 3 + 1;
      }
    }
    run_on(system, scarce, any_policy(), *rc::gen::arbitrary<bool>(), true);
  });
}

bool check_agreement(InstanceSystem& system) {
  bool ok = rc::check("F1 F3 V2 policies agree on pointers, verdicts, sizes, errno and headers",
                      [&](const Script& script) {
                        const bool tracked = *rc::gen::weightedElement<bool>({{3, false}, {1, true}});
                        demand(run_all_policies(system, script, tracked, {}), script,
                               tracked ? "--agree --tracked" : "--agree");
                      });
  ok &= rc::check("a seed gives the same addresses again", [&](const Script& script) {
    const unsigned policy = any_policy();
    demand(run_pair(system, script, policy, policy, false, {}), script, "--policy " + std::to_string(policy));
  });
  return ok;
}

bool check_oracle() {
  return rc::check("the oracle accepts the C library's malloc", [](const Script& script) {
    LibcSystem libc;
    demand(run_script(libc, script, {}), script, "--system");
  });
}

bool check_language() {
  bool ok = rc::check("any bytes are a script, and text reads back as the same script",
                      [](const std::vector<u8>& bytes) {
                        Script script, again;
                        std::string error;
                        decode_binary(bytes.data(), bytes.size(), &script);
                        RC_ASSERT(parse_text(format_text(script), &again, &error));
                        RC_ASSERT(again == script);
                      });
  ok &= rc::check("a decoded script has a binary form that decodes to it", [](const Script& script) {
    Script few = script, again;
    if (few.ops.size() > 3) few.ops.resize(3);
    std::string bytes, error;
    RC_ASSERT(encode_binary(few, &bytes, &error));
    decode_binary(reinterpret_cast<const u8*>(bytes.data()), bytes.size(), &again);
    RC_ASSERT(again == few);
  });
  return ok;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string part = argc == 2 ? argv[1] : "";
  InstanceSystem system(0, false);
  if (part == "heap") return check_heap(system) ? 0 : 1;
  if (part == "limits") return check_limits(system) ? 0 : 1;
  if (part == "agreement") return check_agreement(system) ? 0 : 1;
  if (part == "oracle") return check_oracle() ? 0 : 1;
  if (part == "language") return check_language() ? 0 : 1;
  std::fprintf(stderr, "usage: heap_properties heap|limits|agreement|oracle|language\n"
                       "RC_PARAMS sets the number of cases (max_success=1000) and the seed.\n");
  return 2;
}
