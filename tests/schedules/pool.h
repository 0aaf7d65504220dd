#pragma once
// Memory that goes back to how it was: the heap under exploration, and the program's own data, lie in
// one range. Pages are write protected; the first write to one remembers it, so a restore copies the
// few pages that a run touches.
#include <vector>

#include "os/os.h"

namespace hak::schedule {

class Pool {
 public:
  /// Maps the range. Once per process. `stray` is called for a bad access outside of it, in a signal
  /// handler, and does not return if the access was the explored code's.
  static void open(void (*stray)());
  /// Zero memory that belongs to the pool.
  static void* take(std::size_t bytes);
  /// What the memory holds now is what restore() brings back.
  static void snapshot();
  static void restore();
  /// Everything is zero again and given back.
  static void clear();
  static std::size_t touched_pages();
};

/// The heap's system calls, served from the pool. Guards and purges do nothing, the clock stands.
extern const Os kPoolOs;

}  // namespace hak::schedule
