// attack: try every header byte in front of a pointer that is no live block, one process per guess
// fault: interior-pointer
// cases: interior freed never
// range: tiny
// glibc: * succeeds
// hakmem: * interior interior-pointer@at-call
// hakmem: * freed double-free@at-call
// hakmem: * never never-allocated|double-free@at-call
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"
#include "row.h"

namespace {

constexpr size_t kBytes = 200;

void guess(char* target, unsigned value) {
  // hakmem's header is the byte before the block; glibc's is eight bytes, the lowest of them first.
  if (attack::against_hakmem()) {
    attack::poke<uint8_t>(target, -1, static_cast<uint8_t>(value));
  } else {
    attack::poke<size_t>(target, -8, value);
    attack::poke<size_t>(target, static_cast<ptrdiff_t>((value & ~15U)) - 8, 33);
  }
  attack::begin_misuse(target);
  attack::give(target);
  attack::end_misuse();
}

char* target_named(const char* name, const attack::Row& row) {
  const attack::Pair pair = row.neighbours();
  if (std::strcmp(name, "interior") == 0) return pair.left + 48;
  if (std::strcmp(name, "never") == 0) return row.beyond();
  if (std::strcmp(name, "freed") == 0) {
    attack::give(pair.left);
    return pair.left;
  }
  attack::broken("unknown target");
}

}  // namespace

int main(int argc, char** argv) {
  const attack::Row row(kBytes);
  char* target = target_named(attack::word_argument(argc, argv), row);
  for (unsigned value = 0; value < 255; ++value) {
    const pid_t pid = fork();
    if (pid == 0) {
      guess(target, value);
      _exit(0);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) attack::broken("fork");
    if (WIFEXITED(status)) attack::succeeded("a guessed header was accepted");
  }
  guess(target, 255);
  attack::succeeded("the last guess was accepted");
}
