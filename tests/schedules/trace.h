#pragma once
// What a run did to one slab, in the transitions of the model (tests/spin/transitions.h), so that each
// run can be shown to be a path of it.
#include <set>
#include <string>
#include <vector>

#include "world.h"

namespace hak::schedule {

struct Step {
  u8 event, thread, argument;
  auto operator<=>(const Step&) const = default;
};

/// Traces of the slab that blocks[1] lies in, from where the threads start to where it is destroyed.
class Tracer {
 public:
  static constexpr u32 kSlots = 8;
  /// The world is prepared: remembers the slab and where its slots are.
  void begin();
  /// A run begins anew.
  void restart();
  void observe(const Access& access);
  /// The run is over: its trace is kept if it is a new one.
  void keep();
  /// Writes all traces as the tables that the model includes. False if the file cannot be written.
  bool write(const std::string& path) const;
  std::size_t size() const { return traces_.size(); }

 private:
  void note(int thread, u8 event, u32 argument = 0);
  bool note_state(const Access& access);
  bool note_bits(const Access& access);
  bool note_queue(const Access& access);
  bool note_lock(const Access& access);
  u32 slot_of_state(const void* at) const;

  struct Start {
    u8 state[kSlots] = {}, mag[kSlots] = {}, map[kSlots] = {};
    u8 bits = 0, owner = 3, queued = 0, abandoned = 0;
    auto operator<=>(const Start&) const = default;
  };
  using Trace = std::pair<Start, std::vector<Step>>;
  u8 thread_of(const ThreadCache* cache) const;

  u32 unit_ = 0;
  Start start_;
  std::vector<Step> steps_;
  bool over_ = false;
  u32 birth_ = 0;
  const u8* states_[kSlots] = {};
  const ThreadCache* caches_[kThreads] = {};
  // Of each thread: posted slots it still looks at, the slot it exchanges, whether it met a dead slab.
  int collecting_[kThreads] = {};
  u32 posting_[kThreads] = {};
  bool dead_seen_[kThreads] = {};
  std::set<Trace> traces_;
};

}  // namespace hak::schedule
