// attack: two threads free the same block at the same instant, again and again
// fault: double-free
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * double-free|racing-free@at-call or double-free|racing-free@refill-flush
#include <pthread.h>

#include <algorithm>

#include "attack.h"

namespace {

constexpr size_t kBlocks = 200;
constexpr size_t kTaken = 4096;
size_t size_bytes;
size_t rounds;
char* blocks[kBlocks];
unsigned arrived;
char* taken[2][kTaken];

void meet(unsigned round) {
  __atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < 2 * round) {
  }
}

void race(size_t self) {
  unsigned round = 0;
  for (size_t i = 0; i < rounds; ++i) {
    meet(++round);
    attack::give(blocks[i]);
  }
  meet(++round);
  if (self == 0) attack::end_misuse();
  meet(++round);
  for (char*& slot : taken[self]) slot = attack::take(size_bytes);
}

void* second_racer(void*) {
  race(1);
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  size_bytes = attack::size_argument(argc, argv);
  rounds = attack::against_hakmem() ? kBlocks : 7;  // what one of glibc's thread caches holds
  for (size_t i = 0; i < rounds; ++i) blocks[i] = attack::take(size_bytes);
  attack::take(24);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, second_racer, nullptr) != 0) attack::broken("no thread");
  attack::begin_misuse();
  race(0);
  pthread_join(thread, nullptr);
  char** begin = taken[0];
  char** end = begin + 2 * kTaken;
  std::sort(begin, end);
  attack::judge(std::adjacent_find(begin, end) != end, "one block was handed out twice");
}
