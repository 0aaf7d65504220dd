// attack: malloc(0), then write a 32-byte record to it
// fault: overflow
// cases: 32 64
// range: tiny
// glibc: * succeeds
// hakmem: fast * corrupt-header@at-free
// hakmem: * * overflow@at-free
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t record_bytes = attack::size_argument(argc, argv);
  attack::Row row(0);
  const attack::Pair pair = row.neighbours();
  char record[64];
  for (size_t i = 0; i < sizeof record; ++i) record[i] = 'A';
  attack::poke<char>(pair.right, 0, 'v');
  // glibc's size field of the neighbour is kept as it was.
  if (!attack::against_hakmem()) std::memcpy(record + 24, attack::hide(pair.right) - 8, 8);
  attack::begin_misuse();
  std::memcpy(attack::hide(pair.left), record, attack::against_hakmem() ? record_bytes : 40);
  attack::end_misuse();
  const bool rewritten = attack::peek<char>(pair.right, 0) == 'A';
  attack::begin_free();
  attack::give(pair.left);
  attack::give(pair.right);
  attack::end_free();
  attack::judge(rewritten, "the neighbour of an empty block was rewritten");
}
