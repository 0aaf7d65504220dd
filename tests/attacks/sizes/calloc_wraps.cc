// attack: calloc with count * size beyond 2^64, which wraps to a small block
// fault: size-overflow
// cases: two sixteen square odd
// glibc: * survives
// hakmem: * * survives
#include "attack.h"

namespace {

struct Product {
  const char* name;
  size_t count, size_bytes;
};
constexpr Product kProducts[] = {
    {"two", SIZE_MAX / 2 + 2, 2},
    {"sixteen", SIZE_MAX / 16 + 3, 16},
    {"square", size_t{1} << 32, (size_t{1} << 32) + 1},
    {"odd", 0x5555555555555556, 3},
};

}  // namespace

int main(int argc, char** argv) {
  const char* name = attack::word_argument(argc, argv);
  for (const Product& product : kProducts) {
    if (std::strcmp(product.name, name) != 0) continue;
    attack::begin_misuse();
    const char* block = attack::take_zeroed(product.count, product.size_bytes);
    attack::end_misuse();
    attack::judge(block != nullptr, "a block smaller than count * size was handed out");
  }
  attack::broken("unknown product");
}
