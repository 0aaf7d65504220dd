// attack: two threads free the same block, one after the other; neither cache knows of the other
// fault: double-free
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include <pthread.h>

#include "attack.h"

namespace {

char* block;
char* first;
size_t size_bytes;
pthread_barrier_t turn;

void* other_thread(void*) {
  attack::give(block);
  pthread_barrier_wait(&turn);
  pthread_barrier_wait(&turn);
  first = attack::take(size_bytes);
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  size_bytes = attack::size_argument(argc, argv);
  block = attack::take(size_bytes);
  pthread_barrier_init(&turn, nullptr, 2);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, other_thread, nullptr) != 0) attack::broken("no thread");
  pthread_barrier_wait(&turn);
  attack::begin_misuse(block);
  attack::give(block);
  attack::end_misuse();
  pthread_barrier_wait(&turn);
  pthread_join(thread, nullptr);
  attack::judge(first == attack::take(size_bytes), "two threads got the same block");
}
