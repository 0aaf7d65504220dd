// attack: a signal comes between free(p) and p = nullptr, and its handler cleans up: it frees what was
// attack: freed this moment (the race of CVE-2006-5051 and its like)
// fault: double-free
// cases: 24 104
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include <csignal>

#include "attack.h"

namespace {

char* other;
char* session;

/// With another free in between, which is all that glibc's bins behind the thread cache compare.
void clean_up(int) {
  attack::give(other);
  attack::begin_misuse(session);
  attack::give(session);
  attack::end_misuse();
}

}  // namespace

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  std::signal(SIGTERM, clean_up);
  attack::Filler cache(size_bytes);
  other = attack::take(size_bytes);
  session = attack::take(size_bytes);
  cache.fill();
  attack::give(session);
  std::raise(SIGTERM);  // comes here by chance in a real program
  cache.drain();
  const char* taken[3];
  for (const char*& block : taken) block = attack::take(size_bytes);
  attack::judge(taken[0] == taken[1] || taken[1] == taken[2] || taken[0] == taken[2],
                "one block was handed out twice");
}
