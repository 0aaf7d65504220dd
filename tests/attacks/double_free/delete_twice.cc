// attack: operator delete twice on one block, with another delete in between
// fault: double-free
// cases: 24 120
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include <new>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Filler cache(size_bytes);
  void* a = attack::hide(::operator new(size_bytes));
  void* b = attack::hide(::operator new(size_bytes));
  cache.fill();
  ::operator delete(attack::hide(a));
  ::operator delete(attack::hide(b));
  attack::begin_misuse(a);
  ::operator delete(attack::hide(a));
  attack::end_misuse();
  cache.drain();
  const char* first = attack::take(size_bytes);
  attack::take(size_bytes);
  attack::judge(first == attack::take(size_bytes), "one block was handed out twice");
}
