// As operator_addresses, but the address of one operator alone: arrays must end as what they began.
#include <memory>
#include <new>

#include "compat.h"

namespace {

struct Counted {
  ~Counted() { ++ended; }
  static int ended;
  char bytes[40] = {};
};
int Counted::ended = 0;

}  // namespace

int main() {
  using Deleter = void (*)(void*);
  const std::unique_ptr<void, Deleter> raw(::operator new(100), static_cast<Deleter>(&::operator delete));
  for (std::size_t size = 0; size < 50; ++size) {
    delete[] new int[size];
    delete[] new Counted[size];
    delete new Counted;
    ::operator delete[](::operator new[](size, std::nothrow), std::nothrow);
    ::operator delete[](::operator new[](size), size);
    ::operator delete(::operator new(size, std::nothrow), size);
  }
  CHECK(Counted::ended == 50 + 49 * 50 / 2);
  return compat_end("delete_address");
}
