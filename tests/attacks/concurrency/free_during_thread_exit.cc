// attack: a block is freed by a thread-exit handler and, at that instant, by the main thread
// fault: double-free
// cases: 24 104
// glibc: * succeeds
// hakmem: * * double-free|racing-free@at-call or double-free|racing-free@refill-flush
#include <pthread.h>

#include <algorithm>

#include "attack.h"

namespace {

constexpr size_t kTaken = 8192;
char* block;
unsigned arrived;
char* taken[kTaken];
pthread_key_t key;

void meet() {
  __atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < 2) {
  }
}

void free_at_exit(void* given) {
  meet();
  attack::give(given);
}

void* ending_thread(void*) {
  pthread_setspecific(key, block);
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::in_thread([](void*) {}, nullptr);  // what a thread needs is on the heap already
  block = attack::take(size_bytes);
  if (pthread_key_create(&key, free_at_exit) != 0) attack::broken("no key");
  pthread_t thread;
  if (pthread_create(&thread, nullptr, ending_thread, nullptr) != 0) attack::broken("no thread");
  attack::begin_misuse(block);
  meet();
  attack::give(block);
  pthread_join(thread, nullptr);
  attack::end_misuse();
  for (char*& slot : taken) slot = attack::take(size_bytes);
  std::sort(taken, taken + kTaken);
  attack::judge(std::adjacent_find(taken, taken + kTaken) != taken + kTaken,
                "one block was handed out twice");
}
