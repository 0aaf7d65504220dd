// attack: none: allocate before main, free in exit handlers and after them
// fault: none
// cases: -
// glibc: * clean
// hakmem: * * clean
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "attack.h"

namespace {

struct Early {
  Early() : text(100, 'e'), block(attack::take(500)) {}
  ~Early() {
    // The last thing this program does with the heap.
    attack::give(block);
    attack::give(attack::take(64));
  }
  std::string text;
  char* block;
};
Early early;
char* late;

void at_exit() {
  attack::give(late);
  late = attack::take(3000);
  attack::give(late);
}

}  // namespace

int main() {
  late = attack::take(200);
  if (std::atexit(at_exit) != 0 || early.text.size() != 100) attack::broken("atexit");
  constexpr char kLine[] = "CONTROL-CLEAN exit handlers are run after this line\n";
  if (write(STDOUT_FILENO, kLine, sizeof kLine - 1) != sizeof kLine - 1) attack::broken("write");
}
