// A program with global operators of its own, all of them, with a cookie in front of every block.
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "compat.h"

namespace {

long g_live = 0;

void* take(std::size_t size, std::size_t alignment) {
  const std::size_t cookie = alignment < 32 ? 32 : alignment;
  void* p = nullptr;
  if (posix_memalign(&p, cookie, cookie + size) != 0) throw std::bad_alloc();
  __atomic_fetch_add(&g_live, 1, __ATOMIC_RELAXED);
  return static_cast<char*>(p) + cookie;
}
void give(void* p, std::size_t alignment) {
  if (!p) return;
  __atomic_fetch_sub(&g_live, 1, __ATOMIC_RELAXED);
  free(static_cast<char*>(p) - (alignment < 32 ? 32 : alignment));
}
std::size_t number(std::align_val_t alignment) { return static_cast<std::size_t>(alignment); }

}  // namespace

void* operator new(std::size_t size) { return take(size, 16); }
void* operator new[](std::size_t size) { return take(size, 16); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size, 16); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return take(size, 16); }
void* operator new(std::size_t size, std::align_val_t a) { return take(size, number(a)); }
void* operator new[](std::size_t size, std::align_val_t a) { return take(size, number(a)); }
void operator delete(void* p) noexcept { give(p, 16); }
void operator delete[](void* p) noexcept { give(p, 16); }
void operator delete(void* p, std::size_t) noexcept { give(p, 16); }
void operator delete[](void* p, std::size_t) noexcept { give(p, 16); }
void operator delete(void* p, std::align_val_t a) noexcept { give(p, number(a)); }
void operator delete[](void* p, std::align_val_t a) noexcept { give(p, number(a)); }
void operator delete(void* p, std::size_t, std::align_val_t a) noexcept { give(p, number(a)); }
void operator delete[](void* p, std::size_t, std::align_val_t a) noexcept { give(p, number(a)); }

namespace {
struct alignas(128) Wide {
  char bytes[200] = {};
};
}  // namespace

int main() {
  const long before = g_live;
  for (int i = 0; i < 200; ++i) {
    std::vector<std::string> strings(20, std::string(static_cast<std::size_t>(i), 's'));
    auto wide = std::make_unique<Wide[]>(3);
    auto shared = std::make_shared<Wide>();
    delete new (std::nothrow) int(i);
    CHECK(g_live > before && aligned_to(shared.get(), 128) && aligned_to(wide.get(), 128));
  }
  CHECK(g_live == before);
  return compat_end("replaced_all");
}
