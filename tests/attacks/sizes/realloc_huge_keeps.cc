// attack: make realloc fail and hope that it frees the old block all the same
// fault: size-overflow
// cases: 24 1000 5000 100000
// glibc: * survives
// hakmem: * * survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* block = attack::take(size_bytes);
  std::memset(block, 'k', size_bytes);
  attack::begin_misuse();
  const char* grown = attack::resize(block, SIZE_MAX / 2 - 4096);
  attack::end_misuse();
  if (grown != nullptr) attack::succeeded("half the address space was handed out");
  const char* next = attack::take(size_bytes);
  bool kept = true;
  for (size_t i = 0; i < size_bytes; ++i) {
    kept &= attack::peek<char>(block, static_cast<ptrdiff_t>(i)) == 'k';
  }
  const bool shared = attack::overlap(next, size_bytes, block, size_bytes);
  attack::give(block);
  attack::judge(!kept || shared, "a failed realloc freed the block");
}
