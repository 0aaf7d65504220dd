// attack: none: calloc after everything was dirtied, in sizes small and large
// fault: none
// cases: 24 200 1000 5000 40000 300000 3000000
// glibc: * clean
// hakmem: * * clean
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  for (int round = 0; round < 3; ++round) {
    attack::Row row(size_bytes);
    for (size_t i = 0; i < row.count(); ++i) std::memset(row[i], 0xff, size_bytes);
    row.free_all_but(nullptr);
    static char* zeroed[attack::Row::kMaxBlocks];
    for (size_t i = 0; i < row.count(); ++i) {
      zeroed[i] = attack::take_zeroed(1, size_bytes);
      for (size_t k = 0; k < size_bytes; ++k) {
        if (attack::peek<char>(zeroed[i], static_cast<ptrdiff_t>(k)) != 0) {
          attack::broken("calloc returned dirty memory");
        }
      }
    }
    for (size_t i = 0; i < row.count(); ++i) attack::give(zeroed[i]);
  }
  attack::clean("all of it was zero");
}
