// Functions with a small domain, over all of it, and calloc's product over the edges of a large one:
// `evidence_domains CHECK`. The last line is "CHECK: N cases, M wrong".
#include <cstdio>
#include <cstring>

#include "system/instance.h"

using namespace hak;
using namespace hak::props;

namespace {

u64 g_cases = 0, g_wrong = 0;

void expect(bool right, const char* what, u64 a, u64 b = 0) {
  ++g_cases;
  if (!right && g_wrong++ == 0)
    std::printf("%s: %llu, %llu\n", what, static_cast<unsigned long long>(a), static_cast<unsigned long long>(b));
}

/// G3: every stride, every offset below the largest slab.
void check_reciprocal() {
  for (unsigned c = 0; c < kClassCount; ++c) {
    const u64 reciprocal = reciprocal_of(kStrides[c]);
    const u32 end = slab_units(c) * static_cast<u32>(kUnitBytes);
    for (u32 offset = 0; offset < end; ++offset)
      expect(slot_index(offset, reciprocal) == offset / kStrides[c], "slot index at stride and offset", kStrides[c], offset);
  }
}

/// G1: the first class that holds the request and the header, and its pair of magazines.
void check_classes() {
  for (std::size_t bytes = 0; bytes <= kMaxSlabRequest; ++bytes) {
    unsigned first = 0;
    while (kStrides[first] < bytes + 1) ++first;
    expect(class_of_bytes(bytes) == first, "class of bytes", bytes, class_of_bytes(bytes));
    expect(kPairOffsets[granules_for(bytes)] == first * sizeof(MagazinePair), "pair of bytes", bytes);
  }
}

/// Every size at every alignment up to two pages: room, alignment, not more than twice what is needed.
void check_aligned() {
  for (std::size_t alignment = 1; alignment <= 2 * kPageBytes; alignment *= 2)
    for (std::size_t bytes = 0; bytes <= kMaxSlabRequest + 16; ++bytes) {
      const unsigned c = class_of_aligned(bytes, alignment);
      const std::size_t need = bytes > alignment ? bytes : alignment;
      const bool right = c == kClassCount ||
                         (c < kClassCount && kStrides[c] > bytes && class_alignment(c) >= alignment &&
                          kStrides[c] % alignment == 0 && kStrides[c] <= 2 * need);
      // What is refused could not be had: no class is a multiple and small enough.
      bool possible = false;
      if (c == kClassCount && bytes <= kMaxSlabRequest && alignment <= kPageBytes)
        for (unsigned other = class_of_bytes(bytes); other < kClassCount && !possible; ++other) {
          if (class_alignment(other) < alignment) continue;
          possible = kStrides[other] <= 2 * need;
          break;
        }
      expect(right && !possible, "class at size and alignment", bytes, alignment);
    }
}

/// Route classes: the note's bounds, by size and by class.
void check_route_classes() {
  for (std::size_t bytes = 0; bytes <= 65536; ++bytes) {
    unsigned route = 0;
    while (route < 8 && bytes > kRouteMaxBytes[route]) ++route;
    expect(route_of_bytes(bytes) == route, "route of bytes", bytes, route);
    if (bytes > kMaxSlabRequest) continue;
    // The route of a class is that of a size it serves: those from the stride before it to its own.
    const unsigned c = class_of_bytes(bytes);
    const unsigned of_class = kRouteOfClass[c];
    expect(of_class >= route_of_bytes(c ? kStrides[c - 1] : 0) && of_class <= route_of_bytes(kStrides[c] - 1),
           "route of the class of bytes", bytes, of_class);
  }
}

void check_policies() {
  for (unsigned index = 0; index < kPolicyCount; ++index)
    expect(policy_index(policy_at(index)) == index, "policy index", index);
  for (unsigned bits = 0; bits < 48; ++bits) {
    const Policy p = {(bits & 1) != 0, (bits & 2) != 0, static_cast<Stats>(bits >> 4), (bits & 4) != 0, (bits & 8) != 0};
    const Policy back = policy_at(policy_index(p));
    expect(back.direct == p.direct && back.env_ctx == p.env_ctx && back.stats == p.stats &&
               back.trusted == p.trusted && back.route_map == p.route_map,
           "policy", bits);
  }
}

/// Header bytes: live, keyed, never another meaning; every key is drawn for every route.
void check_headers() {
  Random random(11);
  for (unsigned route = 0; route <= kMediumRoute; ++route) {
    bool seen[256] = {};
    for (unsigned i = 0; i < 20000; ++i) {
      const u8 header = make_header(route, random);
      seen[header] = true;
      expect(is_live_state(header) && is_slab_slot(header) && state_kind(header) == kLiveBits, "header", route, header);
    }
    unsigned keys = 0;
    for (bool one : seen) keys += one;
    expect(keys == 62, "keys of route", route, keys);
  }
}

/// calloc of every pair of 2^a + d and 2^b + e: null and ENOMEM, or as large as the product.
void check_products() {
  InstanceSystem system(31, false);
  Script script;
  for (unsigned a = 0; a < 64; ++a)
    for (unsigned b = 0; b < 64; ++b) {
      if (!system.reset(script)) return;
      for (int d = -1; d <= 1; ++d)
        for (int e = -1; e <= 1; ++e) {
          const std::size_t count = (std::size_t{1} << a) + static_cast<std::size_t>(d);
          const std::size_t size = (std::size_t{1} << b) + static_cast<std::size_t>(e);
          const u128 product = static_cast<u128>(count) * size;
          // The instance's arena bounds what can be had; below that the block must be that large.
          const bool too_large = product > kInstanceArenaBytes;
          if (!too_large && product > (u64{1} << 20)) continue;
          errno = 0;
          void* p = system.calloc(0, count, size);
          const bool right = too_large ? !p && errno == ENOMEM : p && system.usable(0, p) >= product;
          expect(right, "calloc of", count, size);
          system.release(0, p, Api::kFree);
        }
    }
}

struct Check {
  const char* name;
  void (*run)();
};
constexpr Check kChecks[] = {{"reciprocal", check_reciprocal}, {"classes", check_classes},
                             {"aligned", check_aligned},       {"route_classes", check_route_classes},
                             {"policies", check_policies},     {"headers", check_headers},
                             {"products", check_products}};

}  // namespace

int main(int argc, char** argv) {
  for (const Check& check : kChecks) {
    if (argc != 2 || std::strcmp(argv[1], check.name) != 0) continue;
    check.run();
    std::printf("%s: %llu cases, %llu wrong\n", check.name, static_cast<unsigned long long>(g_cases),
                static_cast<unsigned long long>(g_wrong));
    return g_wrong || !g_cases ? 1 : 0;
  }
  std::fprintf(stderr, "usage: evidence_domains reciprocal|classes|aligned|route_classes|policies|headers|products\n");
  return 2;
}
