// Walks the heap for what is still held: a leak report in one call.
#include <hakmem.h>

#include <cstdio>
#include <memory>
#include <vector>

int main() {
  const auto kept = std::make_unique<std::vector<int>>(1000);
  struct Sum {
    size_t blocks = 0, bytes = 0;
  } sum;
  hakmem_walk(
      [](void*, size_t usable_bytes, void* context) {
        auto* to = static_cast<Sum*>(context);
        ++to->blocks;
        to->bytes += usable_bytes;
      },
      &sum);
  std::printf("held: %zu bytes in %zu blocks\n", sum.bytes, sum.blocks);
  return sum.bytes >= 1000 * sizeof(int) ? 0 : 1;
}
