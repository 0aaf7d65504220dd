#include "explorer.h"

#include "fibres.h"

namespace hak::schedule {
namespace {

constexpr u32 kMaxAccesses = 4000;
using Set = u8;  // of threads
constexpr Set only(int thread) { return static_cast<Set>(1U << thread); }
constexpr bool has(Set set, int thread) { return (set >> thread & 1U) != 0; }
constexpr int first_of(Set set) { return __builtin_ctz(set); }

/// The access that a thread makes when it is its turn.
struct Pending {
  Kind kind = Kind::kLoad;
  Order order = kRelaxed;
  const void* at = nullptr;
};

/// One access that happened.
struct Event {
  int thread;
  Kind kind;
  u32 word;
  bool wrote;
  Clock clock;
};

/// A state on the way, and what is known of the subtrees below it.
struct Node {
  Set enabled, sleep;
  Set backtrack;      ///< threads to run from here
  Set done = 0;       ///< of these, explored completely
  int thread;         ///< the one being explored
  u32 choice = 0, choices = 0;
  int preemptions = 0;
};

bool may_write(Kind kind) { return kind != Kind::kLoad && kind != Kind::kAwait; }

class Explorer {
 public:
  Explorer(const Program& program, const Settings& settings)
      : program_(program), settings_(settings) {}
  Result run();

  // Called by the fibres.
  void turn(const Pending& pending);
  u64 done(bool wrote, u64 before, u64 after);
  void run_thread(int thread);
  [[noreturn]] void fail(const std::string& reason);

 private:
  void run_once();
  bool next_schedule();
  int choose();
  int enter_node();
  Set enabled_threads();
  Set sleep_after(const Node& node, const Event& event);
  Set within_bound(const Node& node) const;
  u32 choose_value(int thread, u32 word, Order order);
  u64 change_memory(const Pending& pending, const Event& event, u64 before, u64 after);
  void stamp(Event& event);
  void note_races(const Event& event, const Clock& seen, int last_write,
                  const std::array<int, kThreads>& reads);
  void note_race(int index, const Event& event);
  [[noreturn]] void end_run() { g_fibres.leave_to(Fibres::kMain); }

  const Program& program_;
  const Settings& settings_;
  Result result_;
  Memory memory_;
  std::vector<Node> nodes_;
  std::vector<Event> events_;
  std::vector<int> unordered_;
  std::size_t known_ = 0;  ///< accesses of this run that an earlier run made as well
  Pending pending_[kThreads];
  Clock clocks_[kThreads];
  u32 stale_left_[kThreads];
  Set finished_ = 0;
  bool starting_ = false;
  bool ran_to_end_ = false;
};

Explorer* g_explorer = nullptr;

bool happens_before(const Event& a, const Event& b) {
  const auto thread = static_cast<std::size_t>(a.thread);
  return a.clock[thread] <= b.clock[thread];
}

// ---- which thread is next ----

Set Explorer::enabled_threads() {
  Set enabled = 0;
  for (int t = 0; t < kThreads; ++t) {
    if (has(finished_, t)) continue;
    const Pending& p = pending_[t];
    if (p.kind == Kind::kLock && memory_[memory_.word_of(p.at, 0)].holder >= 0) continue;
    if (p.kind == Kind::kAwait && *static_cast<const volatile u64*>(p.at) == 0) continue;
    enabled = static_cast<Set>(enabled | only(t));
  }
  return enabled;
}

/// Threads whose next access is covered already: explored from the node before, and independent of
/// what has happened since.
Set Explorer::sleep_after(const Node& node, const Event& event) {
  if (settings_.preemptions >= 0) return 0;
  Set sleep = static_cast<Set>((node.sleep | node.done) & ~only(node.thread));
  const u64 address = memory_[event.word].address;
  for (int t = 0; t < kThreads; ++t) {
    const Pending& p = pending_[t];
    const bool dependent = address_of(p.at) == address && (event.wrote || may_write(p.kind));
    if (dependent) sleep = static_cast<Set>(sleep & ~only(t));
  }
  return sleep;
}

/// With bounded preemptions: every enabled thread that the bound still allows.
Set Explorer::within_bound(const Node& node) const {
  if (nodes_.empty() || !has(node.enabled, nodes_.back().thread)) return node.enabled;
  return node.preemptions < settings_.preemptions ? node.enabled : only(nodes_.back().thread);
}

/// A state not seen before. Returns the thread to go on with.
int Explorer::enter_node() {
  Node node{};
  node.enabled = enabled_threads();
  if (node.enabled == 0) {
    if (finished_ != (1U << kThreads) - 1) fail("deadlock");
    ran_to_end_ = true;
    end_run();
  }
  int last = -1;
  if (!nodes_.empty()) {
    const Node& parent = nodes_.back();
    last = parent.thread;
    node.sleep = sleep_after(parent, events_.back());
    const int before = nodes_.size() > 1 ? nodes_[nodes_.size() - 2].thread : parent.thread;
    node.preemptions = parent.preemptions + (before != last && has(parent.enabled, before));
  }
  const Set awake = static_cast<Set>(node.enabled & ~node.sleep);
  if (awake == 0) end_run();
  node.thread = last >= 0 && has(awake, last) ? last : first_of(awake);
  node.backtrack = settings_.preemptions >= 0 ? within_bound(node) : only(node.thread);
  nodes_.push_back(node);
  return node.thread;
}

int Explorer::choose() {
  const std::size_t depth = events_.size();
  if (depth > kMaxAccesses) fail("a thread does not come to an end");
  if (depth < settings_.replay.size() && depth == nodes_.size()) {
    Node node{};
    node.enabled = enabled_threads();
    node.thread = settings_.replay[depth] & 3;
    node.choice = settings_.replay[depth] >> 2;
    if (!has(node.enabled, node.thread)) fail("the schedule does not fit the program");
    nodes_.push_back(node);
  }
  return depth < nodes_.size() ? nodes_[depth].thread : enter_node();
}

bool Explorer::next_schedule() {
  for (; !nodes_.empty(); nodes_.pop_back()) {
    Node& node = nodes_.back();
    if (node.choice + 1 < node.choices) {
      ++node.choice;
      return true;
    }
    node.done = static_cast<Set>(node.done | only(node.thread));
    const Set left = static_cast<Set>(node.backtrack & ~node.done & ~node.sleep);
    if (left == 0) continue;
    node.thread = first_of(left);
    node.choice = node.choices = 0;
    return true;
  }
  return false;
}

// ---- one access ----

void Explorer::turn(const Pending& pending) {
  const int self = g_fibres.current();
  pending_[self] = pending;
  const int next = starting_ ? Fibres::kMain : choose();
  if (next != self) g_fibres.switch_to(next);
}

/// Which of the values that the load may read: the newest first.
u32 Explorer::choose_value(int thread, u32 word, Order order) {
  Node& node = nodes_[events_.size()];
  if (node.choices == 0)
    node.choices = settings_.weak && stale_left_[thread] ? memory_.choices(thread, word, order) : 1;
  if (node.choice) --stale_left_[thread];
  return node.choice;
}

u64 Explorer::change_memory(const Pending& pending, const Event& event, u64 before, u64 after) {
  const int self = event.thread;
  switch (pending.kind) {
    case Kind::kLoad: {
      const u32 choice = choose_value(self, event.word, pending.order);
      return settings_.weak ? memory_.read(self, event.word, choice, pending.order) : before;
    }
    case Kind::kAwait:
      if (settings_.weak) memory_.read(self, event.word, 0, pending.order);
      return before;
    case Kind::kStore:
      if (settings_.weak) memory_.write(self, event.word, after, pending.order, false);
      return before;
    case Kind::kModify:
      if (settings_.weak && event.wrote)
        memory_.write(self, event.word, after, pending.order, true);
      else if (settings_.weak)
        memory_.read(self, event.word, 0, kRelaxed);
      return before;
    case Kind::kLock: memory_.lock(self, event.word); return before;
    case Kind::kUnlock: memory_.unlock(self, event.word, pending.order); return before;
  }
  return before;
}

/// The event's place in the happens-before order of dependent accesses.
void Explorer::stamp(Event& event) {
  Word& word = memory_[event.word];
  const auto self = static_cast<std::size_t>(event.thread);
  Clock& clock = clocks_[event.thread];
  ++clock[self];
  join(clock, event.wrote ? word.touched : word.written);
  event.clock = clock;
  join(word.touched, clock);
  const int index = static_cast<int>(events_.size());
  if (event.wrote) {
    join(word.written, clock);
    if (event.kind == Kind::kUnlock) return;  // never in a race: the next holder waits for it
    word.last_write = index;
    word.reads.fill(-1);
  } else {
    word.reads[self] = index;
  }
}

/// Event `index` and the new one may be run the other way round: someone who begins what does not
/// depend on event `index` must be run from the state before it.
void Explorer::note_race(int index, const Event& event) {
  Node& node = nodes_[static_cast<std::size_t>(index)];
  const Event& first = events_[static_cast<std::size_t>(index)];
  Set initials = 0, met = 0;
  unordered_.clear();
  const auto consider = [&](const Event& next) {
    if (has(met, next.thread)) return;
    met = static_cast<Set>(met | only(next.thread));
    for (const int k : unordered_)
      if (happens_before(events_[static_cast<std::size_t>(k)], next)) return;
    initials = static_cast<Set>(initials | only(next.thread));
  };
  for (int k = index + 1; k < static_cast<int>(events_.size()); ++k) {
    const Event& next = events_[static_cast<std::size_t>(k)];
    if (happens_before(first, next)) continue;
    consider(next);
    unordered_.push_back(k);
  }
  consider(event);
  if (initials & node.backtrack) return;
  const Set wanted = static_cast<Set>(initials & node.enabled);
  const Set added = wanted == 0                ? node.enabled
                    : has(wanted, event.thread) ? only(event.thread)
                                                : only(first_of(wanted));
  node.backtrack = static_cast<Set>(node.backtrack | added);
}

/// `seen`: what happened before the thread's previous access. `last_write` and `reads`: who touched the
/// word before.
void Explorer::note_races(const Event& event, const Clock& seen, int last_write,
                          const std::array<int, kThreads>& reads) {
  if (event.kind == Kind::kUnlock || event.kind == Kind::kAwait) return;
  const auto races = [&](int index) {
    if (index < 0) return false;
    const Event& other = events_[static_cast<std::size_t>(index)];
    const auto thread = static_cast<std::size_t>(other.thread);
    return other.thread != event.thread && other.clock[thread] > seen[thread];
  };
  bool behind_a_read = false;
  if (event.wrote) {
    for (const int read : reads) {
      if (!races(read)) continue;
      behind_a_read = true;
      note_race(read, event);
    }
  }
  if (!behind_a_read && races(last_write)) note_race(last_write, event);
}

u64 Explorer::done(bool wrote, u64 before, u64 after) {
  const int self = g_fibres.current();
  const Pending pending = pending_[self];
  Event event{self, pending.kind, memory_.word_of(pending.at, before), wrote, {}};
  const u64 value = change_memory(pending, event, before, after);
  const Clock seen = clocks_[self];
  const int last_write = memory_[event.word].last_write;
  const std::array<int, kThreads> reads = memory_[event.word].reads;
  stamp(event);
  if (events_.size() >= known_ && settings_.preemptions < 0)
    note_races(event, seen, last_write, reads);
  events_.push_back(event);
  if (program_.observe) {
    const u64 found = wrote ? before : value;
    program_.observe({self, pending.kind, pending.order, pending.at, found, wrote ? after : found, wrote});
  }
  return value;
}

// ---- one run, and all of them ----

void Explorer::run_thread(int thread) {
  program_.body(thread);
  finished_ = static_cast<Set>(finished_ | only(thread));
  g_fibres.leave_to(starting_ ? Fibres::kMain : choose());
}

void Explorer::fail(const std::string& reason) {
  result_.failure = reason;
  end_run();
}

void Explorer::run_once() {
  ++g_runs;
  program_.restore();
  memory_.reset();
  known_ = nodes_.empty() ? 0 : nodes_.size() - 1;
  events_.clear();
  finished_ = 0;
  ran_to_end_ = false;
  for (int t = 0; t < kThreads; ++t) {
    clocks_[t] = Clock{};
    stale_left_[t] = settings_.stale_reads;
  }
  g_running = true;
  starting_ = true;
  for (int t = 0; t < kThreads; ++t) {
    g_fibres.prepare(t, [](int thread) { g_explorer->run_thread(thread); });
    g_fibres.switch_to(t);
  }
  starting_ = false;
  g_fibres.switch_to(choose());
  g_running = false;
  result_.accesses += events_.size();
  if (events_.size() > result_.longest) result_.longest = static_cast<u32>(events_.size());
  if (result_.failure.empty() && !ran_to_end_) {
    ++result_.redundant;
    return;
  }
  ++result_.schedules;
  if (result_.failure.empty()) result_.failure = program_.check();
  if (program_.outcome) result_.outcome_set.insert(program_.outcome());
  result_.outcomes = result_.outcome_set.size();
}

Result Explorer::run() {
  do {
    run_once();
    if (!result_.failure.empty()) {
      for (std::size_t i = 0; i < events_.size(); ++i)
        result_.schedule.push_back(static_cast<u8>(static_cast<u32>(nodes_[i].thread) | nodes_[i].choice << 2));
      return result_;
    }
    if (!settings_.replay.empty()) return result_;
    if (result_.schedules >= settings_.max_schedules) {
      result_.complete = !next_schedule();
      return result_;
    }
  } while (next_schedule());
  return result_;
}

}  // namespace

u64 g_runs = 0;

void turn(Kind kind, const void* at, Order order) { g_explorer->turn({kind, order, at}); }
u64 done(bool wrote, u64 before, u64 after) { return g_explorer->done(wrote, before, after); }

void fail_run(const std::string& reason) { g_explorer->fail(reason); }

Result explore(const Program& program, const Settings& settings) {
  Explorer explorer(program, settings);
  g_explorer = &explorer;
  Result result = explorer.run();
  g_explorer = nullptr;
  return result;
}

}  // namespace hak::schedule
