// Policies against each other on one heap instance, by enumeration: `evidence_paths CHECK`.
//   entry     direct and FastLane entry, every size x class mask x option combination (F1)
//   trusted   the same for validated once and twice, with misuse between (V2)
//   context   every short sequence of option changes and gates of two threads (F2)
//   routes    route map and policy lookup, every mask x class x source of options (F3)
// The last line is "CHECK: N cases, M wrong".
#include <cstdio>
#include <cstring>
#include <vector>

#include "system/instance.h"

using namespace hak;
using namespace hak::props;

namespace {

u64 g_cases = 0, g_wrong = 0;

void expect(bool right, const char* what, u64 a, u64 b) {
  ++g_cases;
  if (!right && g_wrong++ == 0)
    std::printf("%s: %llu, %llu\n", what, static_cast<unsigned long long>(a), static_cast<unsigned long long>(b));
}

/// Every size that has a route, then every end of a class, then some that are spans of their own.
std::vector<std::size_t> sizes() {
  std::vector<std::size_t> all;
  for (std::size_t bytes = 0; bytes <= kRouteMaxBytes[7] + 32; ++bytes) all.push_back(bytes);
  for (u32 stride : kStrides)
    for (u32 bytes = stride - 2; bytes <= stride; ++bytes) all.push_back(bytes);
  for (std::size_t bytes : {std::size_t{40000}, std::size_t{100000}, std::size_t{1} << 20}) all.push_back(bytes);
  all.push_back(kMaxRequestBytes);
  all.push_back(~std::size_t{0});
  return all;
}

/// What a program sees of a run, one number per call.
class Observer {
 public:
  Observer(InstanceSystem& system, std::vector<u64>& seen) : system_(system), seen_(seen) {}
  void pointer(const void* p) {
    seen_.push_back(p ? address_of(p) - system_.heap()->arena.base : ~u64{0});
    verdict();
  }
  void verdict() {
    const Verdict verdict = system_.take_verdict();
    seen_.push_back(u64{verdict.count} << 32 | static_cast<u64>(verdict.fault));
  }
  void number(u64 value) { seen_.push_back(value); }

 private:
  InstanceSystem& system_;
  std::vector<u64>& seen_;
};

/// malloc and free of every size, both orders of frees, by the owner and by another thread.
void observe_entry(InstanceSystem& system, unsigned policy, unsigned class_mask, unsigned route_mask,
                   const std::vector<std::size_t>& all, std::vector<u64>& seen) {
  seen.clear();
  Script script;
  system.set_policy(policy, false);
  if (!system.reset(script)) return;
  system.heap()->options.set(OptionId::kFastLaneMask, class_mask);
  system.heap()->options.set(OptionId::kRouteMask, route_mask);
  Observer observer(system, seen);
  void* kept = nullptr;
  for (std::size_t i = 0; i < all.size(); ++i) {
    errno = 0;
    void* p = system.allocate(0, all[i], Api::kMalloc);
    observer.pointer(p);
    observer.number(static_cast<u64>(errno));
    if (i % 5 == 0) system.release(1, kept, Api::kFree);
    else system.release(0, kept, Api::kFree);
    observer.verdict();
    kept = p;
  }
  system.release(0, kept, Api::kFree);
  observer.number(system.heap()->verify() != nullptr);
}

void check_entry(InstanceSystem& system) {
  const std::vector<std::size_t> all = sizes();
  std::vector<u64> reference, seen;
  for (unsigned route_mask : {0xffU, 0xb7U}) {
    observe_entry(system, policy_index(policy_at(0)), 255, route_mask, all, reference);
    expect(reference.size() > 4 * all.size(), "nothing was seen", reference.size(), 0);
    for (unsigned policy = 0; policy < kPolicyCount; ++policy) {
      // Direct entry has no class mask: one run says it.
      const unsigned masks = policy_at(policy).direct ? 1 : 256;
      if (route_mask != 0xff && policy % 3) continue;
      for (unsigned mask = 0; mask < masks; ++mask) {
        observe_entry(system, policy, mask, route_mask, all, seen);
        expect(seen == reference, "policy and mask differ from FastLane with all classes", policy, mask);
        g_cases += all.size() - 1;
      }
    }
  }
}

/// Every kind of wrong pointer about a block, and what is done to its headers, through every entry.
void observe_misuse(InstanceSystem& system, unsigned policy, std::size_t bytes, std::vector<u64>& seen) {
  seen.clear();
  Script script;
  system.set_policy(policy, false);
  if (!system.reset(script)) return;
  Observer observer(system, seen);
  for (unsigned way = 0; way < 12; ++way) {
    auto* p = static_cast<u8*>(system.allocate(0, bytes, Api::kMalloc));
    observer.pointer(p);
    if (!p) continue;
    const std::size_t room = system.usable(0, p);
    observer.number(room);
    const unsigned thread = way % 2;
    const u8 header = p[-1];
    switch (way / 2) {
      case 0: system.release(thread, p + 16, Api::kFree); break;
      case 1: system.release(thread, p + 1, Api::kFree); break;
      case 2: p[-1] ^= 1; break;
      case 3: p[room] ^= 4; break;
      case 4: system.release_sized(thread, p, bytes + 5000, 0, Api::kFreeSized); break;
      default: system.release(thread, p, Api::kFree); break;
    }
    observer.verdict();
    const std::size_t usable = system.usable(thread, p);
    observer.number(usable);
    observer.verdict();
    void* moved = system.reallocate(thread, p, bytes + 1);
    observer.pointer(moved);
    if (moved == p || !moved) system.release(thread, p, Api::kFree);
    observer.verdict();
    if (way / 2 == 2) p[-1] = header;
    if (way / 2 == 3) p[room] ^= 4;
    observer.verdict();
  }
}

void check_trusted(InstanceSystem& system) {
  std::vector<u64> twice, once;
  for (std::size_t bytes : sizes()) {
    if (bytes > kMaxSlabRequest) continue;
    for (unsigned policy = 0; policy < kPolicyCount; ++policy) {
      Policy p = policy_at(policy);
      if (p.trusted) continue;
      observe_misuse(system, policy, bytes, twice);
      p.trusted = true;
      observe_misuse(system, policy_index(p), bytes, once);
      expect(twice == once && twice.size() > 80, "trusted differs at size and policy", bytes, policy);
      g_cases += twice.size() - 1;
    }
  }
}

/// One of the things that may happen to options and contexts.
constexpr unsigned kActs = 8;
constexpr unsigned kDepth = 6;

void act(HeapCore& heap, ThreadCache* (&caches)[2], unsigned number) {
  constexpr Policy kCtx{false, true, Stats::kOff, true, true};
  const unsigned thread = number % 2;
  switch (number / 2) {
    case 0: heap.options.set(OptionId::kFastLaneMask, thread ? 0x5a : 0xff); break;
    case 1: heap.options.set(OptionId::kRouteMask, thread ? 0xa5 : 0xff); break;
    case 2: {
      // A gate: what it answers is what the options say now.
      const unsigned lane = gate_class_mask<kCtx>(heap, *caches[thread]);
      const unsigned route = gate_route_mask<kCtx>(heap, *caches[thread]);
      expect(lane == heap.options.get(OptionId::kFastLaneMask), "class mask is stale", lane, thread);
      expect(route == heap.options.get(OptionId::kRouteMask), "route mask is stale", route, thread);
      break;
    }
    default:
      // The thread ends; another takes its cache over.
      heap.detach(caches[thread]);
      caches[thread] = heap.attach();
      break;
  }
}

void check_context(InstanceSystem& system) {
  u64 sequences = 1;
  for (unsigned i = 0; i < kDepth; ++i) sequences *= kActs;
  Script script;
  system.set_policy(0, false);
  if (!system.reset(script)) return;
  ThreadCache* caches[2] = {system.cache(0), system.cache(1)};
  for (u64 sequence = 0; sequence < sequences; ++sequence) {
    // From a state in which both contexts are current.
    act(*system.heap(), caches, 4), act(*system.heap(), caches, 5);
    u64 rest = sequence;
    for (unsigned i = 0; i < kDepth; ++i, rest /= kActs) act(*system.heap(), caches, rest % kActs);
  }
}

template <unsigned... I>
void routes_of(HeapCore& heap, ThreadCache& cache, std::integer_sequence<unsigned, I...>) {
  for (unsigned mask = 0; mask < 256; ++mask) {
    heap.options.set(OptionId::kRouteMask, mask);
    for (unsigned c = 0; c < kClassCount; ++c) {
      const bool lookup = lookup_route(heap.options, kRouteOfClass[c]) == Route::kThreadCache;
      const bool stated = kRouteOfClass[c] >= kMediumRoute || (mask >> kRouteOfClass[c] & 1);
      expect(lookup == stated, "lookup differs from the mask at mask and class", mask, c);
      (expect(served_by_cache<policy_at(I)>(heap, cache, c) == lookup, "policy differs at mask and class", mask, c), ...);
    }
  }
}

void check_routes(InstanceSystem& system) {
  Script script;
  if (!system.reset(script)) return;
  routes_of(*system.heap(), *system.cache(0), std::make_integer_sequence<unsigned, kPolicyCount>{});
}

}  // namespace

int main(int argc, char** argv) {
  const char* name = argc == 2 ? argv[1] : "";
  InstanceSystem system(0, false);
  if (!std::strcmp(name, "entry")) check_entry(system);
  else if (!std::strcmp(name, "trusted")) check_trusted(system);
  else if (!std::strcmp(name, "context")) check_context(system);
  else if (!std::strcmp(name, "routes")) check_routes(system);
  else {
    std::fprintf(stderr, "usage: evidence_paths entry|trusted|context|routes\n");
    return 2;
  }
  std::printf("%s: %llu cases, %llu wrong\n", name, static_cast<unsigned long long>(g_cases),
              static_cast<unsigned long long>(g_wrong));
  return g_wrong || !g_cases ? 1 : 0;
}
