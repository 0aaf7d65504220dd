// attack: memset 2 MiB behind a block, into slabs of any size
// fault: overflow
// cases: 24 200 1000 5000
// glibc: 5000 abort "free(): invalid next size (normal)"
// glibc: * succeeds
// hakmem: fast * segv@at-call or overflow|corrupt-header@at-free
// hakmem: * * segv@at-call or overflow@at-free
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* first = attack::take(size_bytes);
  attack::Row row(size_bytes);
  const attack::Pair pair = row.neighbours();
  char* victims[128];
  for (char*& victim : victims) victim = attack::take(30000);
  for (char* victim : victims) attack::poke<char>(victim, 8, 'v');
  attack::begin_misuse();
  constexpr size_t kBytes = 2 << 20;
  char* start = attack::against_hakmem() ? pair.left : first;
  std::memset(attack::hide(start) + row.end_of(start), 'A', kBytes);
  attack::end_misuse();
  bool rewritten = false;
  for (char* victim : victims) rewritten |= attack::peek<char>(victim, 8) == 'A';
  attack::begin_free();
  attack::give(start);
  if (attack::against_hakmem()) attack::give(pair.right);
  attack::end_free();
  attack::judge(rewritten, "blocks of another size were rewritten");
}
