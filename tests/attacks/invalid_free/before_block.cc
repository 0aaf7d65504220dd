// attack: free the address 16 bytes before a block; the fake size lies in the neighbour before it
// fault: interior-pointer
// cases: 40 200 1000
// glibc: * succeeds
// hakmem: * * interior-pointer@at-call
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  const attack::Row row(size_bytes);
  const attack::Pair pair = row.neighbours();
  char* fake = pair.right - 16;
  attack::poke<size_t>(fake, -8, 32 | attack::kPreviousInUse);
  attack::begin_misuse(fake);
  attack::give(fake);
  attack::end_misuse();
  attack::judge(attack::take(24) == fake, "a block over a live block's header was handed out");
}
