// attack: operator new with a size that wraps when rounded up to the alignment, which libstdc++ 12
// attack: does before it asks aligned_alloc: it must throw, not return
// fault: size-overflow
// cases: 1 16 4096
// range: any
// glibc: 1,16 succeeds
// glibc: * survives
// hakmem: * * survives
#include <new>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = size_t{0} - attack::size_argument(argc, argv);
  attack::begin_misuse();
  int served = ::operator new(size_bytes, std::nothrow) != nullptr;
  served += ::operator new[](size_bytes, std::align_val_t{64}, std::nothrow) != nullptr;
  try {
    served += attack::hide(::operator new(size_bytes)) != nullptr;
  } catch (const std::bad_alloc&) {
  }
  attack::end_misuse();
  attack::judge(served != 0, "a request larger than the address space was served");
}
