// Objects that end through another type than theirs, arrays with cookies, and classes with operators
// of their own.
#include <memory>
#include <new>
#include <vector>

#include "compat.h"

namespace {

int g_alive = 0;

struct Base {
  Base() { ++g_alive; }
  virtual ~Base() { --g_alive; }
  long one = 1;
};
template <std::size_t N>
struct Derived : Base {
  char more[N] = {};
};
struct Second {
  virtual ~Second() = default;
  long two = 2;
};
struct Both : Base, Second {
  char more[300] = {};
};
struct Virtual : virtual Base, virtual Second {
  char more[70] = {};
};
struct alignas(128) WideDerived : Base {
  char more[500] = {};
};
struct Cookie {
  ~Cookie() { ++ended; }
  static int ended;
  char bytes[24] = {};
};
int Cookie::ended = 0;
struct alignas(64) WideCookie : Cookie {};

/// Blocks of its own, by malloc.
struct Own {
  static void* operator new(std::size_t size) { return malloc(size); }
  static void operator delete(void* p, std::size_t size) {
    CHECK(size >= sizeof(Own));
    free(p);
  }
  static void* operator new[](std::size_t size) { return static_cast<char*>(malloc(size + 32)) + 32; }
  static void operator delete[](void* p) { free(static_cast<char*>(p) - 32); }
  virtual ~Own() = default;
  long value = 3;
};
struct OwnDerived : Own {
  char more[1000] = {};
};
/// Says itself how it ends.
struct Destroying {
  std::size_t count = 0;
  static Destroying* make(std::size_t count) {
    auto* made = ::new (::operator new(sizeof(Destroying) + count)) Destroying;
    made->count = count;
    return made;
  }
  static void operator delete(Destroying* self, std::destroying_delete_t) {
    const std::size_t all = sizeof(Destroying) + self->count;
    self->~Destroying();
    ::operator delete(self, all);
  }
};

template <std::size_t N>
void end_through_base() {
  Base* bases[] = {new Derived<N>, new Derived<2 * N>};
  for (Base* base : bases) delete base;
  std::unique_ptr<Base> unique = std::make_unique<Derived<N>>();
  std::shared_ptr<Base> shared = std::make_shared<Derived<N>>();
  std::shared_ptr<void> untyped(new Derived<N + 1>);
  CHECK(g_alive == 3);
}

}  // namespace

int main() {
  end_through_base<1>();
  end_through_base<40>();
  end_through_base<5000>();
  end_through_base<100000>();
  Second* second = new Both;
  delete second;
  delete static_cast<Second*>(new Virtual);
  delete static_cast<Base*>(new WideDerived);
  CHECK(g_alive == 0);

  for (int count = 0; count < 200; ++count) delete[] new Cookie[static_cast<std::size_t>(count)];
  CHECK(Cookie::ended == 199 * 200 / 2);
  for (int count = 0; count < 50; ++count) delete[] new WideCookie[static_cast<std::size_t>(count)];
  CHECK(Cookie::ended == 199 * 200 / 2 + 49 * 50 / 2);

  Own* own = new OwnDerived;
  CHECK(own->value == 3);
  delete own;
  delete[] new Own[7];
  ::delete ::new Own;
  delete Destroying::make(123);
  delete Destroying::make(70000);

  // An object put into memory of another kind, and one that ends without its memory.
  void* room = malloc(sizeof(Both));
  Both* placed = ::new (room) Both;
  placed->~Both();
  free(room);
  std::allocator<Both> allocator;
  Both* several = allocator.allocate(3);
  std::uninitialized_default_construct_n(several, 3);
  std::destroy_n(several, 3);
  allocator.deallocate(several, 3);
  CHECK(g_alive == 0);
  return compat_end("virtual_delete");
}
