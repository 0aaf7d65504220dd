#pragma once
// Every policy as a value. A-E of the design note; each is read in exactly one other file.
//
// A direct     buys: no FastLane layer in front of the tiny path       requires: F1 routes agree
//              must not change: pointers, verdicts, errno               shown by: props.policies_agree
// B env_ctx    buys: one load instead of one per gate                   requires: F2 generation
//              must not change: which options an operation sees         shown by: unit.fastlane_ctx
// C stats      buys: no counter on the hot path                         requires: S1 slot counts
//              must not change: anything but the counters               shown by: unit.stats
// D trusted    buys: the second look at header and slot                 requires: V1 exact validation
//              must not change: verdicts                                shown by: props.policies_agree
// E route_map  buys: the policy lookup                                  requires: F3 map equals lookup
//              must not change: routes                                  shown by: unit.route_map
#include "base/types.h"

// A and D follow the evidence for exactly these sources; the build writes the verdict.
#if __has_include("hakmem_evidence.h")
#include "hakmem_evidence.h"
#else
#define HAKMEM_EVIDENCE_HOLDS 0
#define HAKMEM_EVIDENCE_WORD none
#define HAKMEM_EVIDENCE_OBLIGATIONS 0
#endif

#ifndef HAKMEM_POLICY_DIRECT
#define HAKMEM_POLICY_DIRECT HAKMEM_EVIDENCE_HOLDS
#endif
#ifndef HAKMEM_POLICY_ENV_CTX
#define HAKMEM_POLICY_ENV_CTX 1
#endif
#ifndef HAKMEM_POLICY_STATS
#define HAKMEM_POLICY_STATS 1
#endif
#ifndef HAKMEM_POLICY_TRUSTED
#define HAKMEM_POLICY_TRUSTED HAKMEM_EVIDENCE_HOLDS
#endif
#ifndef HAKMEM_POLICY_ROUTE_MAP
#define HAKMEM_POLICY_ROUTE_MAP 1
#endif

namespace hak {

enum class Stats : u8 { kOff, kSampled, kEvery };

struct Policy {
  bool direct;     // A
  bool env_ctx;    // B
  Stats stats;     // C
  bool trusted;    // D
  bool route_map;  // E
};

#ifdef HAKMEM_DEBUG
/// Debug validates twice, whatever the evidence says, and keeps a record of every allocation.
inline constexpr bool kDebugBuild = true;
inline constexpr bool kPolicyTrusted = false;
#else
inline constexpr bool kDebugBuild = false;
inline constexpr bool kPolicyTrusted = HAKMEM_POLICY_TRUSTED != 0;
#endif
inline constexpr bool kPolicyDirect = HAKMEM_POLICY_DIRECT != 0;
inline constexpr bool kPolicyEnvCtx = HAKMEM_POLICY_ENV_CTX != 0;
inline constexpr int kPolicyStats = HAKMEM_POLICY_STATS;
inline constexpr bool kPolicyRouteMap = HAKMEM_POLICY_ROUTE_MAP != 0;
// 0 compiles the switches out: the policies above are then all there is, and options cannot change them.
#ifndef HAKMEM_SWITCHES
#define HAKMEM_SWITCHES 1
#endif
inline constexpr bool kPolicySwitches = HAKMEM_SWITCHES != 0;
static_assert(kPolicyStats >= 0 && kPolicyStats <= 2);

/// What this library runs when no option asks for another.
inline constexpr Policy kDefaultPolicy = {kPolicyDirect, kPolicyEnvCtx,
                                          static_cast<Stats>(kPolicyStats), kPolicyTrusted,
                                          kPolicyRouteMap};

/// Dense index of a policy, for the table of instantiations.
constexpr unsigned policy_index(Policy p) {
  return static_cast<unsigned>(p.direct) | static_cast<unsigned>(p.env_ctx) << 1 |
         static_cast<unsigned>(p.trusted) << 2 | static_cast<unsigned>(p.route_map) << 3 |
         static_cast<unsigned>(p.stats) << 4;
}
inline constexpr unsigned kPolicyCount = 48;
constexpr Policy policy_at(unsigned index) {
  return {(index & 1) != 0, (index & 2) != 0, static_cast<Stats>(index >> 4), (index & 4) != 0,
          (index & 8) != 0};
}
static_assert(policy_index(policy_at(37)) == 37);

/// Largest block `hardened` zeroes at free. Zeroing 64 bytes costs ten instructions of the sixty that a
/// pair may cost in all; 32 bytes, where most lone pointers live, cost six.
inline constexpr u64 kZeroMaxHardened = 32;

/// One refill in so many is sampled. A sample costs two madvise calls and a page fault, three to five
/// microseconds, a refill serves up to 63 requests.
inline constexpr u64 kGuardSampleHardened = 512;
inline constexpr u64 kGuardSampleParanoid = 64;

/// Freed slots withheld of a class. They go cold in the cache: at 256 random churn took twice the time
/// that it takes at 32.
inline constexpr u64 kQuarantineParanoid = 64;
/// A Debug build withholds whatever the profile; it keeps the records for it.
inline constexpr u64 kQuarantineDebug = kDebugBuild ? kQuarantineParanoid : 0;

}  // namespace hak
