// attack: free a block whose memory went back to the system after its first free
// fault: freed-memory
// cases: 24 200 1000 5000 100000 1048576
// glibc: * segv@at-call
// hakmem: * * freed-memory|double-free@at-call
#include "attack.h"
#include "trimmed.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  const attack::Trimmed trimmed(size_bytes);
  char* stale = trimmed.middle();
  attack::begin_misuse(stale);
  attack::give(stale);
  attack::end_misuse();
  attack::succeeded("memory that was given back was freed again");
}
