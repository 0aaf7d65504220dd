// A program that replaces one new and one delete: the other forms must come to them, as the standard
// says of the default ones ([new.delete.single], [new.delete.array]).
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "compat.h"

namespace {
long g_news = 0, g_deletes = 0;
constexpr std::size_t kCookie = 32;
}  // namespace

void* operator new(std::size_t size) {
  auto* p = static_cast<char*>(malloc(size + kCookie));
  if (!p) throw std::bad_alloc();
  __atomic_fetch_add(&g_news, 1, __ATOMIC_RELAXED);
  return p + kCookie;
}
void operator delete(void* p) noexcept {
  if (!p) return;
  __atomic_fetch_add(&g_deletes, 1, __ATOMIC_RELAXED);
  free(static_cast<char*>(p) - kCookie);
}

int main() {
  const long news = g_news, deletes = g_deletes;
  void* p = ::operator new(100);
  ::operator delete(p, std::size_t{100});
  CHECK(g_news == news + 1 && g_deletes == deletes + 1);
  ::operator delete(::operator new(100), std::nothrow);
  ::operator delete(::operator new(100, std::nothrow));
  ::operator delete(::operator new(100, std::nothrow), std::size_t{100});
  CHECK(g_news == news + 4 && g_deletes == deletes + 4);
  ::operator delete[](::operator new[](100));
  ::operator delete[](::operator new[](100), std::size_t{100});
  ::operator delete[](::operator new[](100, std::nothrow), std::nothrow);
  CHECK(g_news == news + 7 && g_deletes == deletes + 7);
  for (int i = 0; i < 100; ++i) {
    std::vector<std::string> strings(20, std::string(static_cast<std::size_t>(i), 's'));
    auto array = std::make_unique<std::string[]>(7);
    delete new (std::nothrow) int(i);
  }
  CHECK(g_news - news == g_deletes - deletes);
  // The aligned forms are a family of their own, which was not replaced.
  ::operator delete(::operator new(100, std::align_val_t{64}), std::size_t{100}, std::align_val_t{64});
  CHECK(g_news - news == g_deletes - deletes);
  return compat_end("replaced_some");
}
