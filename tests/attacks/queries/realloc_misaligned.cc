// attack: realloc a pointer 8 bytes into a block
// fault: misaligned-pointer
// cases: 200 5000
// glibc: * abort "realloc(): invalid pointer"
// hakmem: * * misaligned-pointer@at-call
#include "attack.h"

int main(int argc, char** argv) {
  char* block = attack::take(attack::size_argument(argc, argv));
  attack::begin_misuse(block + 8);
  attack::resize(block + 8, 100);
  attack::end_misuse();
  attack::succeeded("a misaligned pointer was accepted");
}
