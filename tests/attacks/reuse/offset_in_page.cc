// attack: the first block of a size lies at the same offset into its page in every run
// fault: layout-guess
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: fast * succeeds
// hakmem: * * succeeds p<=1/3 in 300
#include "runs.h"

int main(int argc, char** argv) {
  if (argc < 2) attack::broken("one size in bytes must be given");
  if (attack::was_asked(argc, argv)) {
    const size_t size_bytes = attack::size_argument(2, argv);
    attack::tell(attack::address(attack::take(size_bytes)) & 4095);
  }
  attack::begin_misuse();
  const uintptr_t first = attack::ask(argv);
  const uintptr_t second = attack::ask(argv);
  attack::end_misuse();
  attack::judge(first == second, "the offset of the first block was predicted");
}
