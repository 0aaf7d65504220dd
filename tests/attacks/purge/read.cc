// attack: read a secret from memory that went back to the system
// fault: use-after-free
// cases: 200 1000 5000 100000 1048576
// glibc: * segv@at-call
// hakmem: * * survives or segv@at-call
#include "attack.h"
#include "trimmed.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  const attack::Trimmed trimmed(size_bytes);
  attack::begin_misuse();
  const bool leaked = attack::peek<char>(trimmed.middle(), 40) == 's';
  attack::end_misuse();
  attack::judge(leaked, "a secret outlived its memory");
}
