// attack: free glibc's own per-thread cache, which lies at the start of the heap; the next request
// attack: of its size gets the free lists to write in
// fault: foreign-pointer
// cases: -
// glibc: * succeeds
// hakmem: * * interior-pointer|never-allocated|foreign-pointer|freed-memory@at-call
#include "attack.h"

int main() {
  const char* block = attack::take(24);
  constexpr size_t kStructBytes = 0x288;
  // The first 16 bytes of the heap are the chunk header. hakmem has nothing of its own there; the
  // start of the slab is as near as an attacker gets.
  char* lists = attack::heap_start(block) + 16;
  if (attack::against_hakmem()) {
    lists = attack::at_address(attack::address(block) & ~uintptr_t{65535});
  }
  attack::begin_misuse(lists);
  attack::give(lists);
  attack::end_misuse();
  attack::judge(attack::take(kStructBytes) == lists, "the allocator's free lists were handed out");
}
