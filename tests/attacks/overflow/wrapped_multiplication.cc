// attack: the program computes count * 16 in 32 bits; the block is far smaller than the loop that
// attack: fills it believes
// fault: overflow
// cases: 268435458
// range: tiny
// glibc: * succeeds
// hakmem: * * overflow|corrupt-header@at-free or segv@at-call
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t count = attack::size_argument(argc, argv);
  const uint32_t bytes = static_cast<uint32_t>(count) * 16U;
  attack::Row row(bytes);
  const attack::Pair pair = row.neighbours();
  attack::begin_misuse();
  for (size_t i = 0; i < 1000; ++i) {
    attack::poke<uint64_t>(pair.left, static_cast<ptrdiff_t>(16 * i), 0x4141414141414141);
    if (attack::against_hakmem()) {
      attack::poke<uint64_t>(pair.left, static_cast<ptrdiff_t>(16 * i + 8), 0x4141414141414141);
    }
  }
  attack::end_misuse();
  attack::begin_free();
  attack::give(pair.left);
  if (attack::against_hakmem()) attack::give(pair.right);
  attack::end_free();
  attack::judge(attack::peek<char>(pair.right, 0) == 'A', "the array grew over its neighbours");
}
