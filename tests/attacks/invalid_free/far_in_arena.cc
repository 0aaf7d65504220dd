// attack: free an address in the heap's reserved range that no span has reached yet
// fault: freed-memory
// cases: 16777216 1073741824
// range: any
// glibc: * segv@at-call
// hakmem: * * foreign-pointer|freed-memory|never-allocated@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t distance_bytes = attack::size_argument(argc, argv);
  char* far = attack::take(24) + distance_bytes;
  attack::begin_misuse(far);
  attack::give(far);
  attack::end_misuse();
  attack::succeeded("an address beyond the heap was accepted");
}
