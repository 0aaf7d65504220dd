/* Uses every byte it may, and none that it may not: no checker has anything to say. */
#include "heap.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

enum { kSlots = 200, kRounds = 4000 };

struct block {
  unsigned char* at;
  size_t size;
};
static struct block g_shared[kSlots];
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;

static void expect(int good, const char* what) {
  if (good) return;
  fprintf(stderr, "FAILED: %s\n", what);
  _Exit(1);
}

static void check(const struct block* block) {
  for (size_t i = 0; i < block->size; ++i)
    expect(block->at[i] == (unsigned char)(block->size + i), "a block has kept its content");
}

static unsigned next(unsigned* state) {
  *state = *state * 1664525U + 1013904223U;
  return *state >> 8;
}

static struct block make(unsigned* state) {
  struct block block = {NULL, next(state) % 50 == 0 ? 30000 + next(state) % 90000 : next(state) % 700};
  switch (next(state) % 4) {
    case 0:
      block.at = calloc(block.size, 1);
      for (size_t i = 0; i < block.size; ++i) expect(block.at[i] == 0, "calloc is zero");
      break;
    case 1: block.at = aligned_alloc(256, block.size); break;
    default: block.at = malloc(block.size); break;
  }
  expect(block.at != NULL, "there is memory");
  expect(malloc_usable_size(block.at) == block.size, "usable is what was asked for");
  for (size_t i = 0; i < block.size; ++i) block.at[i] = (unsigned char)(block.size + i);
  return block;
}

static void resize(struct block* block, size_t size) {
  unsigned char* at = realloc(block->at, size);
  expect(at != NULL, "there is memory");
  const size_t kept = size < block->size ? size : block->size;
  for (size_t i = 0; i < kept; ++i)
    expect(at[i] == (unsigned char)(block->size + i), "realloc keeps the content");
  for (size_t i = 0; i < size; ++i) at[i] = (unsigned char)(size + i);
  block->at = at;
  block->size = size;
}

/* Blocks change hands: what one thread makes the others check, resize and free. */
static void* work(void* seed) {
  unsigned state = (unsigned)(uintptr_t)seed;
  for (int round = 0; round < kRounds; ++round) {
    const struct block fresh = make(&state);
    const unsigned slot = next(&state) % kSlots;
    pthread_mutex_lock(&g_lock);
    struct block old = g_shared[slot];
    g_shared[slot] = fresh;
    pthread_mutex_unlock(&g_lock);
    if (!old.at) continue;
    check(&old);
    if (next(&state) % 3 == 0) resize(&old, 1 + next(&state) % 900);
    free(old.at);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[3];
  for (uintptr_t t = 0; t < 3; ++t) expect(pthread_create(&threads[t], NULL, work, (void*)(t + 1)) == 0, "thread");
  for (int t = 0; t < 3; ++t) pthread_join(threads[t], NULL);
  for (int i = 0; i < kSlots; ++i) {
    if (!g_shared[i].at) continue;
    check(&g_shared[i]);
    free(g_shared[i].at);
  }
  return 0;
}
