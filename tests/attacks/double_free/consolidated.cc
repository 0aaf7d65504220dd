// attack: free a block again after a large request merged it into the wilderness
// fault: double-free
// cases: 24 56 120
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  char* victim = attack::take(size_bytes);
  cache.fill();
  attack::give(victim);
  constexpr size_t kBigBytes = 1100;  // beyond glibc's small bins: merges everything free
  const char* big = attack::take(kBigBytes);
  if (!attack::against_hakmem()) cache.drain();  // there it would bring the victim back
  attack::begin_misuse(victim);
  attack::give(victim);
  attack::end_misuse();
  const char* small = attack::take(size_bytes);
  attack::judge(attack::overlap(big, kBigBytes, small, size_bytes), "two live blocks overlap");
}
