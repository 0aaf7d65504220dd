// attack: overwrite the backward link of a freed block in a small bin: fake blocks join the list
// fault: write-after-free
// cases: 264
// glibc: * succeeds
// hakmem: fast,hardened * survives
// hakmem: * * write-after-free@reuse
#include "attack.h"

namespace {

struct alignas(16) Chunk {
  size_t previous_size, size;
  Chunk* forward;
  Chunk* backward;
};
Chunk fakes[12];

}  // namespace

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  char* block = attack::take(size_bytes);
  attack::take(24);
  cache.fill();
  attack::give(block);
  attack::take(4096);  // sorts the block into its small bin
  for (int i = 0; i < 11; ++i) fakes[i].backward = &fakes[i + 1];
  for (int i = 1; i < 12; ++i) fakes[i].forward = &fakes[i - 1];
  fakes[0].forward = reinterpret_cast<Chunk*>(attack::hide(block) - 16);
  attack::begin_misuse();
  attack::poke<Chunk*>(block, 8, &fakes[0]);
  attack::end_misuse();
  cache.drain();
  attack::take(size_bytes);
  const char* chosen = attack::take(size_bytes);
  if (attack::overlap(chosen, 1, fakes, sizeof fakes)) {
    attack::succeeded("malloc returned a fake block");
  }
  attack::churn(size_bytes);
  attack::failed("malloc returned a fake block");
}
