// attack: a thread frees a block and ends, its cache is handed over; then the block is freed again
// fault: double-free
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* blocks[2] = {attack::take(size_bytes), attack::take(size_bytes)};
  attack::take(24);
  attack::in_thread(
      [](void* raw) {
        char** given = static_cast<char**>(raw);
        attack::give(given[0]);
        attack::give(given[1]);
      },
      blocks);
  attack::begin_misuse(blocks[1]);
  attack::give(blocks[1]);
  attack::end_misuse();
  const char* first = attack::take(size_bytes);
  const size_t merged_bytes = size_bytes + attack::chunk_bytes(size_bytes);
  const char* merged = attack::take(merged_bytes);
  const bool overlaps = attack::overlap(first, size_bytes, merged, merged_bytes);
  attack::judge(overlaps || attack::take_until(first, size_bytes) == first,
                "memory was handed out twice");
}
