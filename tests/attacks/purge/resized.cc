// attack: realloc a block whose memory went back to the system
// fault: freed-memory
// cases: 24 1000 100000 1048576
// glibc: * segv@at-call
// hakmem: * * freed-memory|double-free@at-call
#include "attack.h"
#include "trimmed.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  const attack::Trimmed trimmed(size_bytes);
  char* stale = trimmed.middle();
  attack::begin_misuse(stale);
  attack::resize(stale, size_bytes);
  attack::end_misuse();
  attack::succeeded("memory that was given back was revived");
}
