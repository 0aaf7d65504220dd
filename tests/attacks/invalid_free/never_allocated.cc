// attack: free a slot that was never handed out; glibc's counterpart is a fake chunk in the
// attack: wilderness behind the last block
// fault: never-allocated
// cases: 24 200 1000 5000
// glibc: * succeeds
// hakmem: * * never-allocated|double-free@at-call
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  const attack::Row row(size_bytes);
  char* fake = row.beyond();
  if (!attack::against_hakmem()) {
    attack::poke<size_t>(fake, -8, 32 | attack::kPreviousInUse);
    attack::poke<size_t>(fake, 24, 32 | attack::kPreviousInUse);
  }
  attack::begin_misuse(fake);
  attack::give(fake);
  attack::end_misuse();
  attack::judge(attack::take(24) == fake, "memory never allocated was put on a free list");
}
