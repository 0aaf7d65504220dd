// attack: a block lies at the same distance from libc in every run, so that one leak gives both
// fault: layout-guess
// cases: 24 200000 1048576
// glibc: 24 survives
// glibc: * survives p<=1/4 in 40
// hakmem: * * survives
#include <cstdio>

#include "runs.h"

int main(int argc, char** argv) {
  if (argc < 2) attack::broken("one size in bytes must be given");
  if (attack::was_asked(argc, argv)) {
    const size_t size_bytes = attack::size_argument(2, argv);
    attack::tell(attack::address(attack::take(size_bytes)) - attack::address(stderr));
  }
  attack::begin_misuse();
  const uintptr_t first = attack::ask(argv);
  const uintptr_t second = attack::ask(argv);
  attack::end_misuse();
  attack::judge(first == second, "the distance between heap and libc was predicted");
}
