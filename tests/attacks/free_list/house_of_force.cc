// attack: overflow the last block into the wilderness's size with all ones, then ask for a huge
// attack: block that would wrap round to any address
// fault: overflow
// cases: 24 1000
// glibc: * abort "malloc(): corrupted top size"
// hakmem: fast * survives
// hakmem: * * overflow@at-free
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  attack::begin_misuse();
  attack::poke<uint64_t>(block, static_cast<ptrdiff_t>(attack::usable(block)), ~uint64_t{0});
  attack::end_misuse();
  const char* huge = attack::take(size_t{1} << 46);
  if (huge != nullptr) attack::succeeded("a huge request was served");
  attack::begin_free();
  attack::give(block);
  attack::end_free();
  attack::failed("a huge request was served");
}
