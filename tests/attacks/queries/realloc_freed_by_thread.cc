// attack: a thread frees a block, the main thread reallocs it
// fault: double-free
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::in_thread([](void*) {}, nullptr);  // what a thread needs is on the heap already
  char* blocks[2] = {attack::take(size_bytes), attack::take(size_bytes)};
  char* block = blocks[1];
  attack::in_thread(
      [](void* raw) {
        char** given = static_cast<char**>(raw);
        attack::give(given[1]);
        attack::give(given[0]);
      },
      blocks);
  attack::begin_misuse(block);
  const char* revived = attack::resize(block, size_bytes);
  attack::end_misuse();
  attack::judge(attack::take_until(revived, size_bytes) == revived, "one block has two owners");
}
