// attack: none: blocks wander between threads that come and go; each is freed once, where it ends
// attack: up
// fault: none
// cases: -
// glibc: * clean
// hakmem: * * clean
#include <pthread.h>

#include <utility>

#include "attack.h"

namespace {

constexpr size_t kSlots = 512;
char* slots[kSlots];

void* wander(void* raw) {
  uint64_t state = *static_cast<uint64_t*>(raw);
  for (int i = 0; i < 20000; ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    const size_t slot = (state >> 40) % kSlots;
    const size_t size_bytes = 8 + (state >> 50) % 3000;
    char* fresh = attack::take(size_bytes);
    attack::poke<size_t>(fresh, 0, size_bytes);
    char* old = __atomic_exchange_n(&slots[slot], fresh, __ATOMIC_ACQ_REL);
    if (old == nullptr) continue;
    if (attack::usable(old) < attack::peek<size_t>(old, 0)) attack::broken("content lost");
    attack::give(old);
  }
  return nullptr;
}

}  // namespace

int main() {
  for (uint64_t generation = 0; generation < 5; ++generation) {
    pthread_t threads[4];
    uint64_t seeds[4];
    for (uint64_t i = 0; i < 4; ++i) {
      seeds[i] = generation * 4 + i + 1;
      if (pthread_create(&threads[i], nullptr, wander, &seeds[i]) != 0) attack::broken("no thread");
    }
    for (pthread_t thread : threads) pthread_join(thread, nullptr);
  }
  for (char* block : slots) attack::give(std::exchange(block, nullptr));
  attack::clean("every block was freed once");
}
