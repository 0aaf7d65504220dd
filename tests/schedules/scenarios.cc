#include "scenarios.h"

namespace hak::schedule {
namespace {

World& world() { return *g_world; }

void three_caches() {
  make_world();
  for (int t = 0; t < kThreads; ++t) attach(t);
}

// ---- three threads free one block: its owner and two others ----

/// The first thread has four blocks of one slab and an empty allocation magazine.
void blocks_of_the_first() {
  three_caches();
  for (int i = 0; i < 4; ++i) world().blocks[i] = allocate(0);
}
void free_the_same(int thread) { release(thread, world().blocks[1]); }
std::string two_faults() { return settle(2); }

/// The owner frees and allocates again at once: the block may come back while the others free it.
void nearly_full_free_magazine() {
  three_caches();
  for (int i = 0; i < 4; ++i) world().blocks[i] = allocate(0);
  release(0, world().blocks[3]);
}
void free_and_reuse(int thread) {
  release(thread, world().blocks[1]);
  if (thread == 0) world().blocks[4] = allocate(0);
}
std::string ledger_decides() { return settle(-1); }
std::string no_fault() { return settle(0); }

// ---- posting against collection and retirement of the slab ----

void collect_or_post(int thread) {
  if (thread == 0) {
    allocate(0);  // the magazine is empty: a refill, which collects
  } else {
    release(thread, world().blocks[thread]);
  }
}

/// Two slabs of the first thread, each posted to by another.
void two_slabs() {
  three_caches();
  world().blocks[1] = allocate(0);
  world().blocks[2] = allocate(0, kBlockBytes / 2);
}
void collect_twice_or_post(int thread) {
  if (thread == 0) {
    collect_remote(world().heap, *world().caches[0]);
    collect_remote(world().heap, *world().caches[0]);
  } else {
    release(thread, world().blocks[thread]);
  }
}

void all_but_two_free() {
  three_caches();
  for (int i = 1; i < 3; ++i) world().blocks[i] = allocate(0);
}
void purge_or_post(int thread) {
  if (thread == 0) {
    world().heap.purge(world().caches[0]);
    allocate(0);  // a new slab, in the same place if that one is gone
  } else {
    release(thread, world().blocks[thread]);
  }
}
/// Two free one block, and its slab is retired at once; the third may get the place.
void free_and_retire(int thread) {
  if (thread == 2) {
    allocate(2);
    return;
  }
  release(thread, world().blocks[1]);
  if (thread == 0) world().heap.purge(world().caches[0]);
}
void one_block() {
  three_caches();
  world().blocks[1] = allocate(0);
}
std::string one_fault() { return settle(1); }

/// The place of the retired slab becomes a slab of another thread.
void purge_or_reuse(int thread) {
  if (thread == 0) {
    world().heap.purge(world().caches[0]);
  } else {
    release(thread, world().blocks[thread]);
    if (thread == 2) allocate(2);
  }
}
/// The first frees, so that its slab can become empty; the second posts; the third purges from outside.
void purge_from_outside(int thread) {
  if (thread == 2) {
    world().heap.purge(nullptr);
  } else {
    release(thread, world().blocks[thread + 1]);
    if (thread == 0) allocate(0);
  }
}

// ---- hand-over at exit ----

void exit_post_adopt(int thread) {
  if (thread == 0) leave(0);
  if (thread == 1) release(1, world().blocks[1]);
  if (thread == 2) world().blocks[5] = allocate(2);
}
void exit_posts_adopt(int thread) {
  if (thread == 0) leave(0);
  if (thread == 1) {
    release(1, world().blocks[1]);
    release(1, world().blocks[2]);
  }
  if (thread == 2) world().blocks[5] = allocate(2);
}
void exit_post_post(int thread) {
  if (thread == 0) leave(0);
  if (thread != 0) release(thread, world().blocks[thread]);
}
/// The slab is nobody's; two adopt while the third posts.
void abandoned_slab() {
  blocks_of_the_first();
  leave(0);
  attach(0);
}
void adopt_adopt_post(int thread) {
  if (thread == 1) {
    release(1, world().blocks[1]);
  } else {
    allocate(thread);
  }
}
/// The posted block's owner changes twice: it leaves, another adopts and leaves as well.
void adopted_and_left(int thread) {
  if (thread == 0) leave(0);
  if (thread == 1) release(1, world().blocks[1]);
  if (thread == 2) {
    allocate(2);
    leave(2);
  }
}

// ---- options change while contexts are cached ----

void caches_with_contexts() {
  three_caches();
  for (int t = 1; t < kThreads; ++t) gate_class_mask<kFastLane>(world().heap, *world().caches[t]);
}
void change_options(int thread) {
  HeapCore& heap = world().heap;
  if (thread == 0) {
    heap.options.set(OptionId::kFastLaneMask, 0x0f);
    world().mail[0].store(&heap, kRelease);
    heap.options.set(OptionId::kFastLaneMask, 0x03);
    return;
  }
  ThreadCache& cache = *world().caches[thread];
  const bool told = thread == 1 && world().mail[0].load(kAcquire) != nullptr;
  u8 before = gate_class_mask<kFastLane>(heap, cache);
  if (told && before == 0xff) world().broken = "F2 a context older than what the thread knows of";
  for (int i = 0; i < 2; ++i) {
    const u8 now = gate_class_mask<kFastLane>(heap, cache);
    if ((now & before) != now) world().broken = "F2 a context goes back to older options";
    before = now;
  }
  world().blocks[thread] = reinterpret_cast<void*>(std::uintptr_t{before});
}
std::string contexts_are_renewed() {
  World& w = world();
  for (int t = 1; t < kThreads; ++t)
    if (gate_class_mask<kFastLane>(w.heap, *w.caches[t]) != 0x03)
      return "F2 a context outlives its generation";
  return settle(0);
}

/// A class leaves the thread cache while its slots are on the way.
void route_changes(int thread) {
  HeapCore& heap = world().heap;
  if (thread == 0) heap.options.set(OptionId::kRouteMask, 0);
  if (thread == 1) release(1, world().blocks[1]);
  if (thread == 2) {
    void* p = allocate(2, 1000);
    release(2, p);
  }
}

// ---- start: three threads at once ----

void empty_heap() { make_world(); }
void start_and_pass_on(int thread) {
  attach(thread);
  void* p = allocate(thread);
  if (thread < 2) world().mail[thread].store(p, kRelease);
  if (thread == 2) {
    release(2, await(world().mail[0]));
    release(2, p);
  }
}
void start_and_leave(int thread) {
  attach(thread);
  release(thread, allocate(thread));
  leave(thread);
}

// ---- large blocks ----

void large_block() {
  three_caches();
  world().blocks[1] = allocate(0, kLargeBytes);
}
void free_large_and_reuse(int thread) {
  if (thread == 2) {
    world().blocks[2] = allocate(2, kLargeBytes);
  } else {
    release(thread, world().blocks[1]);
  }
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      {"free_free_free", "the owner and two others free one block", blocks_of_the_first,
       free_the_same, two_faults, 30},
      {"free_reuse", "the same, and the owner allocates again", nearly_full_free_magazine,
       free_and_reuse, ledger_decides, 80},
      {"post_collect", "two post while the owner collects", blocks_of_the_first, collect_or_post,
       no_fault, 30},
      {"two_slabs", "the owner collects twice, two post to a slab each", two_slabs,
       collect_twice_or_post, no_fault, 15},
      {"post_retire", "two post while the owner retires the slab", all_but_two_free, purge_or_post,
       no_fault, 150},
      {"retire_reuse", "the same, and another thread takes the place", all_but_two_free,
       purge_or_reuse, no_fault, 150},
      {"free_retire", "the owner and another free one block, and its slab is retired", one_block,
       free_and_retire, one_fault, 1500},
      {"post_purge", "the owner frees, one posts, one purges", all_but_two_free, purge_from_outside,
       no_fault, 4},
      {"exit_post_adopt", "the owner exits, one posts, one adopts", blocks_of_the_first,
       exit_post_adopt, no_fault, 20},
      {"exit_posts_adopt", "the owner exits, one posts twice, one adopts", blocks_of_the_first,
       exit_posts_adopt, no_fault, 120},
      {"exit_post_post", "the owner exits while two post", blocks_of_the_first, exit_post_post,
       no_fault, 200},
      {"adopt_adopt_post", "two adopt while one posts", abandoned_slab, adopt_adopt_post, no_fault, 18},
      {"exit_adopt_exit", "the owner exits, the adopter too, one posts", blocks_of_the_first,
       adopted_and_left, no_fault, 120},
      {"options", "options change twice under two cached contexts", caches_with_contexts,
       change_options, contexts_are_renewed, 400},
      {"route_change", "a route changes beside a post and a pair", blocks_of_the_first,
       route_changes, no_fault, 5},
      {"start", "three threads start, one frees another's block", empty_heap, start_and_pass_on,
       no_fault, 150},
      {"start_exit", "three threads start and exit", empty_heap, start_and_leave, no_fault, 15000},
      {"large_free", "three threads free one large block", large_block, free_the_same, two_faults, 20},
      {"large_reuse", "two free a large block, one allocates", large_block, free_large_and_reuse,
       ledger_decides, 60},
  };
  return all;
}

}  // namespace hak::schedule
