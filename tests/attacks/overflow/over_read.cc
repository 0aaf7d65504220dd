// attack: read beyond the end of a block (heartbleed): the neighbour's secret comes with it; no
// attack: header can stop a read between slots
// fault: information-leak
// cases: 24 200 1000 5000
// glibc: * succeeds
// hakmem: * * succeeds
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  for (size_t i = 0; i < row.count(); ++i) std::memset(row[i], 's', size_bytes);
  const attack::Pair pair = row.neighbours();
  std::memset(pair.left, 0, size_bytes);
  attack::begin_misuse();
  size_t leaked_bytes = 0;
  const ptrdiff_t behind = static_cast<ptrdiff_t>(row.stride_bytes()) - 16;
  for (size_t i = 0; i < 64; ++i) {
    const ptrdiff_t offset = behind + static_cast<ptrdiff_t>(i);
    leaked_bytes += attack::peek<char>(pair.left, offset) == 's';
  }
  attack::end_misuse();
  attack::judge(leaked_bytes > 8, "a neighbour's secret was read");
}
