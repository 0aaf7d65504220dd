/* Four threads that allocate and hand what they allocate to the next, which frees it; then all end. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { kThreads = 4, kBlocks = 3000 };
static void* blocks[kThreads][kBlocks];
static pthread_barrier_t barrier;

static void* work(void* number) {
  const long self = (long)number;
  for (int i = 0; i < kBlocks; ++i) {
    blocks[self][i] = malloc((size_t)(i % 700) + 1);
    memset(blocks[self][i], (int)self, (size_t)(i % 700) + 1);
  }
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < kBlocks; ++i) free(blocks[(self + 1) % kThreads][i]);
  return NULL;
}

int main(void) {
  pthread_t threads[kThreads];
  pthread_barrier_init(&barrier, NULL, kThreads);
  for (long i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, work, (void*)i);
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  return 0;
}
