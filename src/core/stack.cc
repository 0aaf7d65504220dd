// Return addresses by frame pointers. Here because where a thread's stack ends is the platform's
// knowledge.
#include "core/tracker.h"

extern "C" [[gnu::weak]] void* __libc_stack_end;

namespace hak {
namespace {

/// First address above the calling thread's stack that is certain not to be passed: the thread
/// control block lies at the top of a glibc thread's stack, the main thread's end the loader knows.
std::uintptr_t stack_limit(std::uintptr_t here) {
  constexpr std::uintptr_t kMaxStackBytes = std::uintptr_t{64} << 20;
  const std::uintptr_t thread = address_of(__builtin_thread_pointer());
  if (thread > here && thread - here < kMaxStackBytes) return thread;
  if (&__libc_stack_end) {
    const std::uintptr_t end = address_of(__libc_stack_end);
    if (end > here && end - here < kMaxStackBytes) return end;
  }
  // A stack of somebody's own making: only the current page is known to exist.
  return round_up(here + 1, kPageBytes);
}

}  // namespace

u32 capture_stack(const void** frames, u32 capacity) {
  auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const std::uintptr_t limit = stack_limit(frame);
  u32 depth = 0;
  while (depth < capacity && frame % sizeof(void*) == 0 && frame + 2 * sizeof(void*) <= limit) {
    const auto* words = reinterpret_cast<const std::uintptr_t*>(frame);
    const std::uintptr_t next = words[0];
    const std::uintptr_t address = words[1];
    if (address < kPageBytes) break;
    frames[depth++] = reinterpret_cast<const void*>(address);
    if (next <= frame) break;
    frame = next;
  }
  return depth;
}

}  // namespace hak
