// attack: none: grow and shrink blocks through all sizes, checking what they hold
// fault: none
// cases: -
// glibc: * clean
// hakmem: * * clean
#include "attack.h"

namespace {

void fill(char* block, size_t from, size_t to) {
  for (size_t i = from; i < to; ++i) {
    attack::poke<char>(block, static_cast<ptrdiff_t>(i), static_cast<char>(i % 251));
  }
}

void check(const char* block, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    if (attack::peek<char>(block, static_cast<ptrdiff_t>(i)) != static_cast<char>(i % 251)) {
      attack::broken("realloc lost content");
    }
  }
}

}  // namespace

int main() {
  constexpr size_t kSizes[] = {1,    24,    15,     100,  5000, 40,     40000, 32767, 32768,
                               7000, 90000, 200000, 3000, 16,   600000, 2,     1};
  char* block = nullptr;
  size_t had_bytes = 0;
  for (size_t size_bytes : kSizes) {
    block = attack::resize(block, size_bytes);
    if (block == nullptr) attack::broken("out of memory");
    check(block, had_bytes < size_bytes ? had_bytes : size_bytes);
    fill(block, had_bytes < size_bytes ? had_bytes : size_bytes, size_bytes);
    had_bytes = size_bytes;
  }
  attack::give(block);
  attack::clean("content survived every realloc");
}
