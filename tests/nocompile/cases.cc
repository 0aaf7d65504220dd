// Misuse of the types that carry proofs. Compiled once per case with -DCASE_<name>; each must be refused
// for the reason that cases.py names. Without a case the file compiles: that is the control.
#include <utility>

#include "abi/process.h"
#include "os/lock.h"

namespace hak {

using Paths = Front<kDefaultPolicy>;

/// What is allowed, all of it used by the control.
inline void allowed(HeapCore& heap, void* p) {
  const Wild wild(p);
  Block block = Validator::first_look(heap.arena, wild);
  const bool valid = static_cast<bool>(block) && Validator::second_look(heap.arena, block);
  Block taken = std::move(block);
  Block none = Validator::refused();
  Lock lock;
  const Locked locked(lock);
  if (valid && !none) Paths::release(heap, nullptr, taken.ptr(), Api::kFree);
}

inline void refused(HeapCore& heap, Block& block, void* p, u8* state) {
  (void)heap, (void)block, (void)p, (void)state;
#if defined(CASE_block_from_parts)
  Block forged(state, p, 0x80);
#elif defined(CASE_block_from_nothing)
  Block empty;
#elif defined(CASE_block_from_pointer)
  Block forged(p);
#elif defined(CASE_block_by_braces)
  Block forged = {state, p, 0x80};
#elif defined(CASE_block_copied)
  Block second = block;
#elif defined(CASE_block_assigned)
  Block other = Validator::refused();
  other = block;
#elif defined(CASE_block_move_assigned)
  Block other = Validator::refused();
  other = std::move(block);
#elif defined(CASE_block_as_number)
  const int number = block;
#elif defined(CASE_block_as_pointer)
  void* pointer = block;
#elif defined(CASE_block_derived)
  struct Forged : Block {
    Forged(u8* s, void* q) : Block(s, q, 0x80) {}
  };
  Forged forged(state, p);
#elif defined(CASE_block_on_heap)
  Block* many = new Block[2];
#elif defined(CASE_push_of_pointer)
  Paths::push(heap, nullptr, p, Api::kFree);
#elif defined(CASE_push_without_giving_up)
  Paths::push(heap, nullptr, block, Api::kFree);
#elif defined(CASE_push_from_outside)
  Paths::push(heap, nullptr, std::move(block), Api::kFree);
#elif defined(CASE_look_at_raw_pointer)
  (void)Validator::first_look(heap.arena, p);
#elif defined(CASE_second_look_at_raw_pointer)
  (void)Validator::second_look(heap.arena, p);
#elif defined(CASE_wild_by_accident)
  const Wild wild = p;
#elif defined(CASE_wild_from_const)
  const Wild wild(static_cast<const void*>(p));
#elif defined(CASE_heap_copied)
  HeapCore copy(heap);
#elif defined(CASE_heap_assigned)
  HeapCore other;
  other = heap;
#elif defined(CASE_options_copied)
  Options copy = heap.options;
#elif defined(CASE_locked_copied)
  Lock lock;
  const Locked first(lock);
  const Locked second(first);
#elif defined(CASE_lock_copied)
  Lock lock;
  Lock second = lock;
#elif defined(CASE_policy_at_run_time)
  const Policy policy = heap.options.policy();
  Front<policy>::release(heap, nullptr, p, Api::kFree);
#elif defined(CASE_fault_from_number)
  const Fault fault = 3;
#endif
}

}  // namespace hak
