// attack: posix_memalign with an alignment that is no power of two, or too small
// fault: bad-alignment
// cases: 0 1 4 12 24 40 65537
// range: any
// glibc: * survives
// hakmem: * * survives
#include <cerrno>
#include <cstdlib>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t alignment = attack::size_argument(argc, argv);
  void* block = &block;
  attack::begin_misuse();
  const int result = posix_memalign(&block, alignment, 100);
  attack::end_misuse();
  attack::judge(result != EINVAL || block != &block, "a bad alignment was accepted");
}
