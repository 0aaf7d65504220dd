// new that does not throw with the plain delete, new that fails, and new handlers.
#include <initializer_list>
#include <limits>
#include <new>

#include "compat.h"

namespace {

constexpr std::size_t kTooMuch = std::numeric_limits<std::ptrdiff_t>::max();
int g_handled = 0;
void* g_reserve = nullptr;

struct Throwing {
  Throwing() { throw 42; }
  char bytes[200];
};

template <typename F>
bool is_bad_alloc(F make) {
  try {
    make();
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}

void give_reserve() {
  ++g_handled;
  ::operator delete(g_reserve);
  g_reserve = nullptr;
  std::set_new_handler(nullptr);
}
void fail_thrice() {
  if (++g_handled == 3) throw std::bad_alloc();
}

}  // namespace

int main() {
  for (std::size_t size : {0UL, 1UL, 24UL, 1000UL, 40000UL, 3000000UL}) {
    void* plain = ::operator new(size, std::nothrow);
    void* array = ::operator new[](size, std::nothrow);
    CHECK(plain && array && plain != array);
    ::operator delete(plain);
    ::operator delete[](array);
    ::operator delete(::operator new(size), std::nothrow);
    ::operator delete[](::operator new[](size), std::nothrow);
    ::operator delete(::operator new(size, std::nothrow), size);
  }
  int* number = new (std::nothrow) int(7);
  CHECK(number && *number == 7);
  delete number;
  delete[] new (std::nothrow) double[50];
  ::operator delete(nullptr);
  ::operator delete[](nullptr, std::size_t{8});

  // An object whose constructor throws is freed by the delete that matches its new.
  for (int i = 0; i < 100; ++i) {
    int caught = 0;
    try {
      new Throwing;
    } catch (int value) {
      caught = value;
    }
    CHECK(caught == 42);
    caught = 0;
    try {
      new (std::nothrow) Throwing[4];
    } catch (int value) {
      caught = value;
    }
    CHECK(caught == 42);
  }

  const auto too_much = reinterpret_cast<std::size_t>(hidden(reinterpret_cast<void*>(kTooMuch)));
  CHECK(::operator new(too_much, std::nothrow) == nullptr);
  CHECK(::operator new[](too_much, std::nothrow) == nullptr);
  CHECK(::operator new(too_much, std::align_val_t{64}, std::nothrow) == nullptr);
  CHECK(is_bad_alloc([&] { (void)::operator new(too_much); }));
  CHECK(is_bad_alloc([&] { (void)::operator new[](too_much); }));
  CHECK(is_bad_alloc([&] { (void)new long[too_much]; }));

  g_reserve = ::operator new(1000);
  std::set_new_handler(give_reserve);
  CHECK(is_bad_alloc([&] { (void)::operator new(too_much); }));
  CHECK(g_handled == 1 && !g_reserve);
  g_handled = 0;
  std::set_new_handler(fail_thrice);
  CHECK(is_bad_alloc([&] { (void)::operator new(too_much); }));
  CHECK(g_handled == 3);
  g_handled = 0;
  CHECK(::operator new(too_much, std::nothrow) == nullptr);
  CHECK(g_handled == 3);
  return compat_end("nothrow_new");
}
