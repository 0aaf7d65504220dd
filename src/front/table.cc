#include "front/table.h"

#include <utility>

namespace hak {
namespace {

template <Policy P>
struct Plain : Memory<P> {
  static void* allocate(HeapCore& heap, ThreadCache* cache, std::size_t bytes, Api api) {
    return Front<P>::allocate(heap, cache, bytes, api);
  }
  static void release(HeapCore& heap, ThreadCache* cache, void* p, Api api) {
    Front<P>::release(heap, cache, p, api);
  }
};

template <typename Paths>
consteval EntryTable make_table() {
  return {Paths::allocate,   Paths::release,       Paths::calloc, Paths::allocate_aligned,
          Paths::reallocate, Paths::release_sized, Paths::usable};
}

/// Without switches one policy is all.
constexpr unsigned kTables = kPolicySwitches ? kPolicyCount : 1;
consteval Policy policy_of_table(unsigned index) {
  return kPolicySwitches ? policy_at(index) : kDefaultPolicy;
}

template <template <Policy> class Paths, std::size_t... I>
consteval std::array<EntryTable, kTables> make_tables(std::index_sequence<I...>) {
  return {make_table<Paths<policy_of_table(I)>>()...};
}

constexpr auto kPlain = make_tables<Plain>(std::make_index_sequence<kTables>{});
constexpr auto kTracked = make_tables<Tracked>(std::make_index_sequence<kTables>{});

}  // namespace

const EntryTable& entry_table(Policy policy, bool tracked) {
  return (tracked ? kTracked : kPlain)[kPolicySwitches ? policy_index(policy) : 0];
}

}  // namespace hak
