// attack: an over-aligned object deleted by the plain operator delete
// fault: alignment-mismatch
// cases: 64 4096
// range: tiny
// glibc: * succeeds
// hakmem: * * succeeds
#include <new>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t alignment = attack::size_argument(argc, argv);
  void* block = attack::hide(::operator new(48, std::align_val_t{alignment}));
  attack::begin_misuse(block);
  ::operator delete(attack::hide(block));
  attack::end_misuse();
  attack::succeeded("the wrong operator delete was accepted");
}
