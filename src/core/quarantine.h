#pragma once
// Freed slots that a thread withholds from reuse, per size class: first in random places, then in a
// queue, so that neither how soon nor in which order a slot comes back can be relied upon. Random
// withholding is from Berger & Zorn, DieHard, PLDI 2006, the queue from Serebryany et al.,
// AddressSanitizer, 2012. Out of line: nothing of it lies in freed memory. Large blocks wait in their
// own cache.
//
// Each thread has its own, without lock or atomic access. What a thread was just moving when it was
// stopped for good (in the child of fork) is in no place any more and stays unused.
#include "backing/geometry.h"
#include "base/macros.h"
#include "base/random.h"
#include "os/os.h"

namespace hak {

class Quarantine {
 public:
  /// Up to `slots` of every class, and of the larger classes as many as kBudgetBytes hold. 0 is off.
  /// False without memory for the table: then nothing is withheld, and it is not asked for again.
  bool init(const Os& os, u32 slots);
  void destroy(const Os& os);
  /// Calls visit(address, bytes) for the table's range, if there is one.
  template <typename Visit>
  void each_range(Visit&& visit) const {
    if (classes_) visit(reinterpret_cast<std::byte*>(classes_) - kPageBytes, table_bytes(slots_) + 2 * kPageBytes);
  }
  bool on() const { return classes_ != nullptr; }

  /// Takes a freed slot in and gives the one that has rested long enough, null while there is room.
  /// Gives `slot` itself back if a signal handler came between.
  FAST_PATH void* exchange(Random& random, unsigned size_class, void* slot) {
    if (HAK_UNLIKELY(!enter())) return slot;
    Class& of = classes_[size_class];
    void** place = of.places + random.below(of.place_count);
    void* out = *place;
    *place = slot;
    if (HAK_LIKELY(out != nullptr)) out = enqueue(of, out);
    leave();
    return out;
  }
  /// The slot that the next exchange of the class gives, if it gives one; else anything.
  FAST_PATH const void* next_out(unsigned size_class) const {
    const Class& of = classes_[size_class];
    return of.queue[of.first];
  }
  /// Takes any slot of the class out; null when none is left.
  void* take(unsigned size_class);
  /// Slots of the class that can be withheld.
  u32 capacity(unsigned size_class) const;

  /// Around every change. False: a signal handler interrupted one of this thread.
  FAST_PATH bool enter() {
    if (busy_) return false;
    busy_ = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return true;
  }
  FAST_PATH void leave() {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    busy_ = false;
  }

  static constexpr u32 kBudgetBytes = 32 * 1024;

 private:
  struct Class {
    void** places;   ///< of random withholding
    void** queue;
    u32 place_count, queue_room;
    u32 first;       ///< oldest of the queue
    u32 queued;
  };
  FAST_PATH static void* enqueue(Class& of, void* slot) {
    if (HAK_UNLIKELY(of.queued < of.queue_room)) {
      const u32 end = of.first + of.queued;
      of.queue[end < of.queue_room ? end : end - of.queue_room] = slot;
      ++of.queued;
      return nullptr;
    }
    void* oldest = of.queue[of.first];
    of.queue[of.first] = slot;
    of.first = of.first + 1 == of.queue_room ? 0 : of.first + 1;
    return oldest;
  }
  static std::size_t table_bytes(u32 slots);

  Class* classes_ = nullptr;  ///< kClassCount of them, the tables of slots behind
  u32 slots_ = 0;
  bool busy_ = false;
  bool refused_ = false;  ///< there was no memory for the table
};

}  // namespace hak
