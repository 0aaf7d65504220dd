// front/table.cc with a few policies instead of all 48 twice, so that a mutant compiles in two seconds.
// Others run the one that comes closest.
#include "front/table.h"

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

constexpr unsigned kChosen[] = {0, 11, 27, 31, 34, 47};
constexpr EntryTable kPlain[] = {make_table<Plain<policy_at(0)>>(),  make_table<Plain<policy_at(11)>>(),
                                 make_table<Plain<policy_at(27)>>(), make_table<Plain<policy_at(31)>>(),
                                 make_table<Plain<policy_at(34)>>(), make_table<Plain<policy_at(47)>>()};
constexpr EntryTable kTracked[] = {make_table<Tracked<policy_at(27)>>(), make_table<Tracked<policy_at(31)>>()};

/// The policies of the same counting differ least, then those that look as often.
unsigned distance(unsigned a, unsigned b) {
  return static_cast<unsigned>(__builtin_popcount(a ^ b)) + (a >> 4 == b >> 4 ? 0U : 16U) +
         (policy_at(a).trusted == policy_at(b).trusted ? 0U : 8U);
}
unsigned closest(unsigned policy) {
  unsigned best = 0;
  for (unsigned i = 0; i < std::size(kChosen); ++i)
    if (distance(kChosen[i], policy) < distance(kChosen[best], policy)) best = i;
  return best;
}

}  // namespace

const EntryTable& entry_table(Policy policy, bool tracked) {
  return tracked ? kTracked[policy.trusted] : kPlain[closest(policy_index(policy))];
}

}  // namespace hak
