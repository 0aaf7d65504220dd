// attack: a size so close to 2^64 that adding a header or rounding up wraps
// fault: size-overflow
// cases: 1 8 15 16 17 32 4095 4096 65536 9223372036854775807
// range: any
// glibc: * survives
// hakmem: * * survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t below_bytes = attack::size_argument(argc, argv);
  const size_t size_bytes = size_t{0} - below_bytes;
  attack::begin_misuse();
  const char* plain = attack::take(size_bytes);
  const char* zeroed = attack::take_zeroed(1, size_bytes);
  char* old = attack::take(24);
  const char* resized = attack::resize(old, size_bytes);
  attack::end_misuse();
  attack::give(old);
  attack::judge(plain != nullptr || zeroed != nullptr || resized != nullptr,
                "a request larger than the address space was served");
}
