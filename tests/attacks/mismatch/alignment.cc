// attack: delete with an alignment that the block does not have
// fault: alignment-mismatch
// cases: 64 4096
// range: tiny
// glibc: * succeeds
// hakmem: * * alignment-mismatch@at-call
#include <new>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t alignment = attack::size_argument(argc, argv);
  void* block = nullptr;
  do {
    block = attack::hide(::operator new(40));
  } while (attack::address(block) % alignment == 0);
  attack::begin_misuse(block);
  ::operator delete(attack::hide(block), 40, std::align_val_t{alignment});
  attack::end_misuse();
  attack::succeeded("a delete with the wrong alignment was accepted");
}
