// Libraries that come and go: what they allocated stays, what they hold is freed when they go.
#include <stdexcept>
#include <thread>

#include "compat.h"

namespace {

struct Shape {
  virtual ~Shape() = default;
  virtual int sides() const = 0;
};

template <typename F>
F* symbol(void* library, const char* name) {
  void* found = dlsym(library, name);
  CHECK(found);
  return reinterpret_cast<F*>(found);
}

void visit(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  CHECK(library);
  auto* make = symbol<void*(std::size_t)>(library, "plugin_block");
  auto* end = symbol<void(void*)>(library, "plugin_free");
  CHECK(symbol<int()>(library, "plugin_count")() == 302);
  std::thread([&] { CHECK(symbol<int()>(library, "plugin_count")() == 302); }).join();
  Shape* shape = symbol<Shape*()>(library, "plugin_shape")();
  CHECK(shape->sides() == 4);
  delete shape;
  std::size_t length = 0;
  try {
    symbol<void()>(library, "plugin_throw")();
  } catch (const std::runtime_error& error) {
    length = strlen(error.what());
  }
  CHECK(length == 200);
  void* kept = make(500);
  void* large = make(300000);
  fill(kept, 500, 8);
  end(malloc(40));
  CHECK(dlclose(library) == 0);
  CHECK(filled(kept, 500, 8));
  free(realloc(kept, 5000));
  free(large);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  for (int i = 0; i < 20; ++i) visit(argv[1]);
  // Unloaded in another thread than the one that loaded it.
  void* library = dlopen(argv[1], RTLD_LAZY | RTLD_GLOBAL);
  CHECK(library);
  std::thread([&] { CHECK(dlclose(library) == 0); }).join();
  CHECK(!dlopen("/nonexistent/library.so", RTLD_NOW) && dlerror());
  return compat_end("dlopened");
}
