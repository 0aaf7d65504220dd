// The addresses of operators, in a program that is not position independent: there an address is that of
// the program's own entry to the function, whatever the library knows it by.
#include <initializer_list>
#include <new>

#include "compat.h"

namespace {

using A = std::align_val_t;

template <typename Function>
Function* opaque(Function* function) {
  return reinterpret_cast<Function*>(hidden(reinterpret_cast<void*>(function)));
}

}  // namespace

int main() {
  auto* make = opaque<void*(std::size_t)>(&::operator new);
  auto* make_array = opaque<void*(std::size_t)>(&::operator new[]);
  auto* make_wide = opaque<void*(std::size_t, A)>(&::operator new);
  auto* make_wide_array = opaque<void*(std::size_t, A)>(&::operator new[]);
  auto* end = opaque<void(void*) noexcept>(&::operator delete);
  auto* end_array = opaque<void(void*) noexcept>(&::operator delete[]);
  auto* end_wide = opaque<void(void*, A) noexcept>(&::operator delete);
  auto* end_wide_array = opaque<void(void*, A) noexcept>(&::operator delete[]);
  for (std::size_t size : {0UL, 1UL, 100UL, 5000UL, 200000UL}) {
    end(make(size));
    end_array(make_array(size));
    end_wide(make_wide(size, A{64}), A{64});
    end_wide_array(make_wide_array(size, A{64}), A{64});
    // By address and by name, in every other form.
    ::operator delete(make(size), size);
    ::operator delete[](make_array(size), size);
    ::operator delete(make_wide(size, A{64}), size, A{64});
    ::operator delete[](make_wide_array(size, A{64}), size, A{64});
    end(::operator new(size, std::nothrow));
    end_array(::operator new[](size, std::nothrow));
    end_wide(::operator new(size, A{64}, std::nothrow), A{64});
    end_wide_array(::operator new[](size, A{64}, std::nothrow), A{64});
    CHECK(size < 300000);
  }
  void* p = make(1000);
  fill(p, 1000, 1);
  CHECK(filled(p, 1000, 1));
  end(p);
  return compat_end("operator_addresses");
}
