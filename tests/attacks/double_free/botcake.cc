// attack: free a block into glibc's unsorted bin, merge it, free it again into the thread cache
// fault: double-free
// cases: 200 504 1000
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  char* before = attack::take(size_bytes);
  char* victim = attack::take(size_bytes);
  attack::take(24);
  cache.fill();
  attack::give(victim);
  attack::give(before);  // glibc merges the two
  attack::take(size_bytes);
  attack::begin_misuse(victim);
  attack::give(victim);
  attack::end_misuse();
  const size_t big_bytes = size_bytes + attack::chunk_bytes(size_bytes);
  const char* big = attack::take(big_bytes);
  const char* small = attack::take(size_bytes);
  attack::judge(attack::overlap(big, big_bytes, small, size_bytes), "two live blocks overlap");
}
