// Return addresses by frame pointers, and how far a stack may be read.
#include <sys/mman.h>

#include <errno.h>

#include "core/tracker.h"

extern "C" [[gnu::weak]] void* __libc_stack_end;

namespace hak {
namespace {

constexpr std::uintptr_t kMaxStackBytes = std::uintptr_t{64} << 20;

/// The part of the calling thread's stack that is known to be mapped.
struct Known {
  std::uintptr_t low, high;
};
__thread Known t_known __attribute__((tls_model("initial-exec")));

/// True if every page of [from, to) is mapped. Reads nothing of it.
bool is_mapped(std::uintptr_t from, std::uintptr_t to) {
  const int saved = errno;
  unsigned char pages[256];
  bool mapped = true;
  for (std::uintptr_t at = from; at < to && mapped; at += sizeof pages * kPageBytes) {
    const std::size_t bytes = to - at < sizeof pages * kPageBytes ? to - at : sizeof pages * kPageBytes;
    mapped = mincore(reinterpret_cast<void*>(at), bytes, pages) == 0;
  }
  errno = saved;
  return mapped;
}

/// First address that must not be read. The thread control block lies at the top of a glibc thread's
/// stack, the main thread's end the loader knows; what lies between is asked of the kernel once, since
/// the stack in use may be one that the program made itself.
std::uintptr_t stack_limit(std::uintptr_t here) {
  if (here >= t_known.low && here < t_known.high) return t_known.high;
  const std::uintptr_t page = here / kPageBytes * kPageBytes;
  std::uintptr_t end = address_of(__builtin_thread_pointer());
  if (end <= here || end - here >= kMaxStackBytes)
    end = &__libc_stack_end ? address_of(__libc_stack_end) : 0;
  if (end > here && end - here < kMaxStackBytes && is_mapped(page, end)) {
    t_known = {page, end};
    return end;
  }
  return page + kPageBytes;
}

}  // namespace

u32 capture_stack(const void** frames, u32 capacity) {
  auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const std::uintptr_t limit = stack_limit(frame);
  u32 depth = 0;
  while (depth < capacity && frame % sizeof(void*) == 0 && frame <= limit - 2 * sizeof(void*)) {
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
