#pragma once
// Freed slots that are withheld from reuse, per size class: first in random places, then in a queue,
// so that neither how soon nor in which order a slot comes back can be relied upon. Random withholding
// is from Berger & Zorn, DieHard, PLDI 2006, the queue from Serebryany et al., AddressSanitizer, 2012.
// Out of line: nothing of it lies in freed memory. Large blocks wait in their own cache.
#include "backing/geometry.h"
#include "base/random.h"
#include "os/lock.h"
#include "os/os.h"

namespace hak {

class Quarantine {
 public:
  /// Up to `slots` of every class, and of the larger classes as many as kBudgetBytes hold. 0 is off.
  /// False without memory for the table: then nothing is withheld.
  bool init(const Os& os, u32 slots, u64 seed);
  void destroy(const Os& os);
  bool on() const { return table_ != nullptr; }

  /// Takes a freed slot in and gives the one that has rested long enough, null while there is room.
  /// Gives `slot` itself back if another thread, or a handler's caller, is just at it.
  void* exchange(unsigned size_class, void* slot);
  /// Takes any slot of the class out; null when none is left.
  void* take(unsigned size_class);
  /// Slots of the class that can be withheld.
  u32 capacity(unsigned size_class) const;
  Lock& lock() { return lock_; }

  static constexpr u32 kBudgetBytes = 32 * 1024;

 private:
  struct Class {
    u32 first;       ///< oldest of the queue
    u32 queued;
    u32 in_random;   ///< places taken
  };
  void** places(unsigned size_class) { return table_ + std::size_t{size_class} * slots_; }
  std::size_t table_bytes() const;

  Lock lock_;
  Random random_;
  void** table_ = nullptr;
  u32 slots_ = 0;
  Class classes_[kClassCount] = {};
};

}  // namespace hak
