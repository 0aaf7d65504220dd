// attack: an overflow writes one guessed byte over the next block's header; the guess is right if
// attack: both blocks can then be freed
// fault: overflow
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * succeeds p<=1/60 in 500
#include <sys/random.h>

#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const attack::Row row(attack::size_argument(argc, argv));
  const attack::Pair pair = row.neighbours();
  // Live headers have the top bits 10 in hakmem, so the attacker draws among those 64. In glibc it
  // knows the byte.
  uint8_t guess = static_cast<uint8_t>(row.stride_bytes() | attack::kPreviousInUse);
  if (attack::against_hakmem()) {
    if (getrandom(&guess, 1, 0) != 1) attack::broken("getrandom");
    guess = static_cast<uint8_t>(0x80 | (guess & 0x3f));
  }
  attack::begin_misuse();
  attack::poke<uint8_t>(pair.left, row.end_of(pair.left), guess);
  attack::end_misuse();
  attack::begin_free();
  attack::give(pair.left);
  attack::give(pair.right);
  attack::end_free();
  attack::succeeded("both blocks were freed over an overwritten header");
}
