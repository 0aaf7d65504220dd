// attack: a block freed before fork is freed again in the child
// fault: double-free
// cases: 24 120
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "attack.h"

namespace {

void child(attack::Filler& cache, char* block, size_t size_bytes) {
  if (!attack::against_hakmem()) cache.drain();  // there it would bring the block back
  attack::begin_misuse(block);
  attack::give(block);
  attack::end_misuse();
  const char* first = attack::take(size_bytes);
  attack::judge(first == attack::take(size_bytes), "the child got one block twice");
}

}  // namespace

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  char* block = attack::take(size_bytes);
  cache.fill();
  attack::give(block);
  const pid_t pid = fork();
  if (pid == 0) child(cache, block, size_bytes);
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) attack::broken("fork");
  if (WIFSIGNALED(status)) raise(WTERMSIG(status));
  _exit(WEXITSTATUS(status));
}
