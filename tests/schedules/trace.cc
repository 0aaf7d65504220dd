#include "trace.h"

#include <fmt/format.h>

#include "../spin/transitions.h"

namespace hak::schedule {
namespace {

constexpr u8 kNobody = 3;
enum ModelState : u8 { kModelNone, kModelFree, kModelLive, kModelRemote };

u8 model_state(u8 state) {
  if (state == kNotASlot) return kModelNone;
  if (state_kind(state) == kLiveBits) return kModelLive;
  return state_kind(state) == kRemoteBits ? kModelRemote : kModelFree;
}

bool reads(Kind kind) { return kind == Kind::kLoad; }

}  // namespace

/// Caches by the order they were made in: that of the threads.
u8 Tracer::thread_of(const ThreadCache* cache) const {
  for (u8 t = 0; t < kThreads; ++t)
    if (cache && caches_[t] == cache) return t;
  return kNobody;
}

void Tracer::begin() {
  HeapCore& heap = g_world->heap;
  for (ThreadCache* cache = heap.caches.load(); cache; cache = cache->next_cache)
    if (cache->id <= kThreads) caches_[cache->id - 1] = cache;
  unit_ = heap.arena.span_of(heap.arena.unit_of(g_world->blocks[1]));
  const Span& slab = *heap.arena.span(unit_);
  start_ = Start{};
  birth_ = slab.birth.load();
  for (u32 slot = 0; slot < kSlots; ++slot) {
    std::byte* at = slab_slot_address(slab, slot);
    states_[slot] = heap.arena.state_of(at);
    start_.state[slot] = model_state(*states_[slot]);
    if (start_.state[slot] != kModelFree) continue;
    (slab_is_free(heap.arena, at) ? start_.map : start_.mag)[slot] = 1;
  }
  start_.bits = static_cast<u8>(heap.arena.remote_bits(unit_)[0].load());
  start_.owner = thread_of(slab.owner.load());
  start_.queued = static_cast<u8>(slab.queued.load());
  start_.abandoned = start_.owner == kNobody;
}

void Tracer::restart() {
  steps_.clear();
  over_ = false;
  for (int t = 0; t < kThreads; ++t) {
    collecting_[t] = 0;
    posting_[t] = 0;
    dead_seen_[t] = false;
  }
}

void Tracer::note(int thread, u8 event, u32 argument) {
  steps_.push_back({event, static_cast<u8>(thread), static_cast<u8>(argument)});
}

u32 Tracer::slot_of_state(const void* at) const {
  for (u32 slot = 0; slot < kSlots; ++slot)
    if (states_[slot] == at) return slot;
  return kSlots;
}

bool Tracer::note_state(const Access& access) {
  const u32 slot = slot_of_state(access.at);
  if (slot == kSlots) return false;
  const u8 before = static_cast<u8>(access.before), after = static_cast<u8>(access.after);
  if (access.kind == Kind::kModify) {
    // A poster exchanges what it takes for live, a collector what it takes for remote.
    const bool collects = access.wrote ? state_kind(before) == kRemoteBits : collecting_[access.thread] > 0;
    if (collects && collecting_[access.thread]) --collecting_[access.thread];
    note(access.thread, collects ? (access.wrote ? EV_COLLECT : EV_COLLECT_REFUSED)
                                 : (access.wrote ? EV_POST : EV_POST_REFUSED), slot);
  } else if (access.kind == Kind::kStore) {
    if (after == kNotASlot) {
      note(access.thread, EV_DESTROY);
      over_ = true;
    } else if (state_kind(after) == kVirginBits) {
      note(access.thread, EV_CARVE, slot);
    } else if (state_kind(after) == kLiveBits) {
      note(access.thread, EV_HAND_OUT, slot);
    } else if (state_kind(before) == kLiveBits || state_kind(before) == kRemoteBits) {
      note(access.thread, EV_OWNER_FREE, slot);
    }
  }
  return true;
}

bool Tracer::note_bits(const Access& access) {
  if (access.at != &g_world->heap.arena.remote_bits(unit_)[0]) return false;
  if (access.kind != Kind::kModify) return true;
  const u8 before = static_cast<u8>(access.before), after = static_cast<u8>(access.after);
  const auto slot_of = [](u8 bit) { return static_cast<u32>(__builtin_ctz(bit)); };
  if (after > before) {
    note(access.thread, EV_SET_BIT, slot_of(static_cast<u8>(after ^ before)));
  } else if (dead_seen_[access.thread]) {
    if (after != before) note(access.thread, EV_UNPOST, slot_of(static_cast<u8>(after ^ before)));
    if (after == before) note(access.thread, EV_UNPOST_LATE, posting_[access.thread]);
  } else if (after == before && after) {
    note(access.thread, EV_BIT_WAS_SET, posting_[access.thread]);
  } else {
    note(access.thread, EV_TAKE_BITS, before);
    collecting_[access.thread] = __builtin_popcount(before);
  }
  return true;
}

bool Tracer::note_queue(const Access& access) {
  const Span& slab = *g_world->heap.arena.span(unit_);
  if (access.at == &slab.queued) {
    if (reads(access.kind) && access.order == kSeqCst) note(access.thread, EV_LOOK_QUEUED, static_cast<u32>(access.before));
    if (access.wrote) note(access.thread, access.after ? EV_QUEUE : EV_UNQUEUE);
  } else if (access.at == &slab.owner) {
    const auto* owner = from_bits<const ThreadCache*>(access.after);
    if (reads(access.kind) && access.order == kSeqCst) note(access.thread, EV_LOOK_OWNER, thread_of(owner));
    if (access.wrote) note(access.thread, owner ? EV_ADOPT : EV_DISOWN, owner ? thread_of(owner) : 0);
  } else if (access.at == &slab.birth) {
    if (access.wrote) note(access.thread, EV_DIE);
    if (reads(access.kind) && access.order == kSeqCst) {
      dead_seen_[access.thread] = access.before != birth_;
      note(access.thread, access.before == birth_ ? EV_LOOK_ALIVE : EV_LOOK_DEAD);
    }
  } else {
    return false;
  }
  return true;
}

bool Tracer::note_lock(const Access& access) {
  for (u8 t = 0; t < kThreads; ++t) {
    if (!caches_[t] || access.at != &caches_[t]->remote_lock) continue;
    note(access.thread, access.kind == Kind::kLock ? EV_LOCK : EV_UNLOCK, t);
    return true;
  }
  return false;
}

void Tracer::observe(const Access& access) {
  if (over_) return;
  if (access.kind == Kind::kModify && slot_of_state(access.at) != kSlots)
    posting_[access.thread] = slot_of_state(access.at);
  (void)(note_state(access) || note_bits(access) || note_queue(access) || note_lock(access));
}

void Tracer::keep() { traces_.insert({start_, steps_}); }

bool Tracer::write(const std::string& path) const {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (!file) return false;
  const auto row = [&](const u8* from) {
    fmt::print(file, "{{{}}}", fmt::join(from, from + kSlots, ","));
  };
  fmt::print(file,
             "#define TRACES {}\n"
             "struct trace {{\n  unsigned char state[8], mag[8], map[8], bits, owner, queued, abandoned;\n"
             "  const unsigned char (*steps)[3];\n}};\n",
             size());
  std::size_t number = 0;
  for (const Trace& trace : traces_) {
    fmt::print(file, "static const unsigned char steps_{}[][3] = {{", number++);
    for (const Step& step : trace.second)
      fmt::print(file, "{{{},{},{}}},", step.event, step.thread, step.argument);
    fmt::print(file, "{{{},0,0}}}};\n", EV_END);
  }
  fmt::print(file, "static const struct trace traces[TRACES + 1] = {{\n");
  number = 0;
  for (const auto& [start, steps] : traces_) {
    fmt::print(file, "{{");
    for (const u8* from : {start.state, start.mag, start.map}) {
      row(from);
      fmt::print(file, ",");
    }
    fmt::print(file, "{},{},{},{},steps_{}}},\n", start.bits, start.owner, start.queued,
               start.abandoned, number++);
  }
  fmt::print(file, "}};\n");
  return std::fclose(file) == 0;
}

}  // namespace hak::schedule
