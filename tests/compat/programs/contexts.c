// Stacks that malloc made: for contexts that swap, and for threads.
#include <ucontext.h>

#include "compat.h"

enum { kStackBytes = 128 * 1024, kContexts = 8 };
static ucontext_t main_context, contexts[kContexts];
static int turns[kContexts];

/// Allocates on its stack's time, and lets others run in between.
static void work(int which) {
  char local[4096];
  fill(local, sizeof local, (unsigned)which);
  for (int i = 0; i < 50; ++i) {
    char* p = malloc((size_t)(i * 100 + which + 1));
    fill(p, (size_t)(i * 100 + which + 1), (unsigned)i);
    ++turns[which];
    swapcontext(&contexts[which], &contexts[(which + 1) % kContexts]);
    CHECK(filled(p, (size_t)(i * 100 + which + 1), (unsigned)i) && filled(local, sizeof local, (unsigned)which));
    free(p);
  }
}

static void* in_thread(void* argument) {
  char local[10000];
  fill(local, sizeof local, 3);
  free(malloc(30000));
  CHECK(filled(local, sizeof local, 3));
  return argument;
}

int main(void) {
  char* stacks[kContexts];
  for (int i = 0; i < kContexts; ++i) {
    stacks[i] = i % 2 ? malloc(kStackBytes) : aligned_alloc(4096, kStackBytes);
    getcontext(&contexts[i]);
    contexts[i].uc_stack.ss_sp = stacks[i];
    contexts[i].uc_stack.ss_size = kStackBytes;
    contexts[i].uc_link = &main_context;
    makecontext(&contexts[i], (void (*)(void))work, 1, i);
  }
  swapcontext(&main_context, &contexts[0]);
  // The first that ends comes back here; the others stand in their last turn.
  for (int i = 0; i < kContexts; ++i) CHECK(turns[i] == 50);
  for (int i = 1; i < kContexts; ++i) swapcontext(&main_context, &contexts[i]);
  for (int i = 0; i < kContexts; ++i) free(stacks[i]);

  for (int i = 0; i < 20; ++i) {
    void* stack = aligned_alloc(4096, kStackBytes);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    CHECK(pthread_attr_setstack(&attributes, stack, kStackBytes) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, &attributes, in_thread, NULL) == 0 && pthread_join(thread, NULL) == 0);
    pthread_attr_destroy(&attributes);
    free(stack);
  }
  return compat_end("contexts");
}
