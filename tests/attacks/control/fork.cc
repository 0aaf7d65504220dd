// attack: none: fork while other threads allocate; parent and child both go on and free their
// attack: copies
// fault: none
// cases: -
// glibc: * clean
// hakmem: * * clean
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"

namespace {

bool stop;

void* busy(void*) {
  while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) attack::churn(48 + 16);
  return nullptr;
}

void use_heap(char* const* blocks, size_t count) {
  for (size_t i = 0; i < count; ++i) attack::give(blocks[i]);
  for (size_t i = 0; i < 2000; ++i) attack::give(attack::take(8 + i));
}

}  // namespace

int main() {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, busy, nullptr) != 0) attack::broken("no thread");
  for (int round = 0; round < 50; ++round) {
    constexpr size_t kBlocks = 100;
    char* blocks[kBlocks];
    for (size_t i = 0; i < kBlocks; ++i) blocks[i] = attack::take(16 + i * 31);
    const pid_t pid = fork();
    if (pid < 0) attack::broken("fork");
    use_heap(blocks, kBlocks);
    if (pid == 0) _exit(0);
    int status = 0;
    if (waitpid(pid, &status, 0) != pid || status != 0) attack::broken("the child died");
  }
  __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
  pthread_join(thread, nullptr);
  attack::clean("all children used their heap");
}
