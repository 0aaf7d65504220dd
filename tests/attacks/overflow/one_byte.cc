// attack: write one byte behind a block, over the lowest byte of the neighbour's header, so that
// attack: the neighbour is freed with a larger size
// fault: overflow
// cases: 24 40 72 104 120 136 152 200 264 456 712 904 5000 20000
// glibc: ..1032 succeeds
// glibc: * abort "double free or corruption (!prev)"
// hakmem: fast * corrupt-header@at-free
// hakmem: * * overflow@at-free
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  const attack::Pair pair = row.neighbours();
  const size_t wider_bytes = row.stride_bytes() + 32;
  attack::begin_misuse();
  attack::damage_byte(pair.left, row.end_of(pair.left), static_cast<uint8_t>(wider_bytes | 1));
  attack::end_misuse();
  attack::begin_free();
  if (attack::against_hakmem()) attack::give(pair.left);
  attack::give(pair.right);
  attack::end_free();
  const char* wide = attack::take(wider_bytes - 8);
  attack::judge(wide == pair.right, "a block over a live neighbour was handed out");
}
