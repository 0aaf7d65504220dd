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
constexpr EntryTable make_table() {
  return {Paths::allocate,   Paths::release,       Paths::calloc, Paths::allocate_aligned,
          Paths::reallocate, Paths::release_sized, Paths::usable};
}

template <template <Policy> class Paths, std::size_t... I>
constexpr std::array<EntryTable, kPolicyCount> make_tables(std::index_sequence<I...>) {
  return {make_table<Paths<policy_at(I)>>()...};
}

constexpr auto kPlain = make_tables<Plain>(std::make_index_sequence<kPolicyCount>{});
constexpr auto kTracked = make_tables<Tracked>(std::make_index_sequence<kPolicyCount>{});

}  // namespace

const EntryTable& entry_table(Policy policy, bool tracked) {
  return (tracked ? kTracked : kPlain)[policy_index(policy)];
}

}  // namespace hak
