#pragma once
// Calls without a cache of their own: threads that have ended but for the last destructors, threads
// without memory for a cache, and signal handlers that interrupted a slow path. One cache under a lock.
#include "abi/process.h"

namespace hak {

/// The operations for a thread without a cache; they take none.
extern const EntryTable kSharedTable;

/// Serves the calling thread while this exists.
class SharedCache {
 public:
  SharedCache();
  ~SharedCache();
  SharedCache(const SharedCache&) = delete;
  SharedCache& operator=(const SharedCache&) = delete;
  /// Null without memory for it, and in a handler that interrupted whoever holds this lock or another.
  ThreadCache* get() const { return cache_; }

 private:
  bool locked_;
  ThreadCache* cache_ = nullptr;
};

/// The calling thread is served by the cache; at the entry of an operation only a handler can hear yes.
bool in_shared_cache();
bool is_shared_cache(const ThreadCache* cache);
/// For fork.
Lock& shared_cache_lock();

}  // namespace hak
