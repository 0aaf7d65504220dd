// A program that replaces the single forms of operator new and delete, in the names of prefixed.h: the
// library's other forms must come to these ([new.delete.single], [new.delete.array]). A block that begins
// here and ends elsewhere, or the other way round, ends the process; tests/compat counts the calls as well.
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <set>

#include "system/prefixed.h"

namespace {

std::mutex g_lock;
std::set<void*> g_live;

[[gnu::destructor]] void all_ended() {
  if (g_live.empty()) return;
  std::fprintf(stderr, "replaced: %zu blocks ended elsewhere\n", g_live.size());
  _Exit(1);
}

template <typename Allocate>
void* asking_handler(Allocate allocate) {
  for (;;) {
    if (void* p = allocate()) {
      const std::lock_guard<std::mutex> locked(g_lock);
      g_live.insert(p);
      return p;
    }
    const std::new_handler handler = std::get_new_handler();
    if (!handler) throw std::bad_alloc();
    handler();
  }
}

void end(void* p) {
  {
    const std::lock_guard<std::mutex> locked(g_lock);
    if (p && g_live.erase(p) == 0) {
      std::fprintf(stderr, "replaced: a block that began elsewhere\n");
      _Exit(1);
    }
  }
  hk_free(p);
}

}  // namespace

void* hk_new_throwing(std::size_t bytes) {
  return asking_handler([=] { return hk_malloc(bytes); });
}
void* hk_new_aligned_throwing(std::size_t bytes, std::size_t alignment) {
  return asking_handler([=] { return hk_aligned_alloc(alignment, bytes); });
}
void hk_delete(void* p) { end(p); }
void hk_delete_aligned(void* p, std::size_t) { end(p); }
