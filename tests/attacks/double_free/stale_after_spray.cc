// attack: as stale_after_reuse, but allocate until the block has come back: nothing can tell the
// attack: old pointer from the new one, so this limit is stated and not hidden
// fault: double-free
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * succeeds
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* stale = attack::take(size_bytes);
  attack::give(stale);
  const char* owner = attack::take_until(stale, size_bytes);
  if (owner == nullptr) attack::failed("the freed block never came back");
  attack::begin_misuse(stale);
  attack::give(stale);
  attack::end_misuse();
  attack::judge(owner == attack::take_until(stale, size_bytes), "a live block was freed");
}
