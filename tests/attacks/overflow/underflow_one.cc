// attack: write the byte before a block
// fault: corrupt-header
// cases: 24 200 1000 5000 20000
// glibc: * abort "double free or corruption (out)"
// hakmem: * * corrupt-header@at-free
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::begin_misuse();
  attack::damage_byte(block, -1, 0x41);
  attack::end_misuse();
  attack::begin_free();
  attack::give(block);
  attack::end_free();
  attack::succeeded("the damage went unnoticed");
}
