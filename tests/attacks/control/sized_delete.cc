// attack: none: every operator new with every delete that belongs to it, with the true size
// fault: none
// cases: -
// glibc: * clean
// hakmem: * * clean
#include <new>

#include "attack.h"

int main() {
  for (size_t size_bytes = 0; size_bytes < 70000; size_bytes += size_bytes < 2100 ? 1 : 131) {
    void* plain = attack::hide(::operator new(size_bytes));
    void* array = attack::hide(::operator new[](size_bytes));
    void* quiet = attack::hide(::operator new(size_bytes, std::nothrow));
    void* aligned = attack::hide(::operator new(size_bytes, std::align_val_t{128}));
    std::memset(plain, 0xff, size_bytes);
    std::memset(array, 0xff, size_bytes);
    ::operator delete(plain, size_bytes);
    ::operator delete[](array, size_bytes);
    ::operator delete(quiet, size_bytes);
    ::operator delete(aligned, size_bytes, std::align_val_t{128});
    ::operator delete(attack::hide(::operator new(size_bytes)));
    ::operator delete[](attack::hide(::operator new[](size_bytes)));
  }
  attack::clean("every delete was accepted");
}
