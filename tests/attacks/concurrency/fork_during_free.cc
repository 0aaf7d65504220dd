// attack: one thread frees a block at the instant another forks; the child, where that thread is gone,
// attack: frees the block as well
// fault: double-free
// cases: 24 104
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "attack.h"

namespace {

constexpr unsigned kRounds = 100;
constexpr size_t kTaken = 2048;
size_t size_bytes;
char* block;
unsigned arrived;
char* taken[kTaken];

void meet(unsigned round) {
  __atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < 2 * round) {
  }
}

/// Its thread cache is full, so that glibc puts the block where the child finds it.
void* freeing_thread(void*) {
  attack::Filler cache(size_bytes);
  cache.fill();
  for (unsigned round = 0; round < kRounds; ++round) {
    meet(2 * round + 1);
    attack::give(block);
    meet(2 * round + 2);
  }
  return nullptr;
}

/// 0 if the child got one block twice.
int free_in_child(char* freed) {
  attack::begin_misuse(freed);
  attack::give(freed);
  attack::end_misuse();
  for (char*& slot : taken) slot = attack::take(size_bytes);
  std::sort(taken, taken + kTaken);
  return std::adjacent_find(taken, taken + kTaken) == taken + kTaken;
}

}  // namespace

int main(int argc, char** argv) {
  size_bytes = attack::size_argument(argc, argv);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, freeing_thread, nullptr) != 0) attack::broken("no thread");
  for (unsigned round = 0; round < kRounds; ++round) {
    block = attack::take(size_bytes);
    meet(2 * round + 1);
    // From at once to long after the free.
    for (unsigned i = 0; i < round * 200; ++i) asm volatile("" ::: "memory");
    const pid_t pid = fork();
    if (pid == 0) _exit(free_in_child(block));
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) attack::broken("fork");
    if (WIFSIGNALED(status)) std::raise(WTERMSIG(status));
    if (WEXITSTATUS(status) == 0) attack::succeeded("the child got one block twice");
    meet(2 * round + 2);
  }
  pthread_join(thread, nullptr);
  attack::failed("the child got one block twice");
}
