// Coroutine frames: ended early, ended in another thread, with an allocator of their own.
#include <coroutine>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compat.h"

namespace {

int g_own_frames = 0;

template <bool Own>
struct Generator {
  struct promise_type {
    long value = 0;
    Generator get_return_object() { return Generator(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(long given) {
      value = given;
      return {};
    }
    void return_void() {}
    void unhandled_exception() { throw; }
    static void* operator new(std::size_t size) {
      if constexpr (Own) {
        ++g_own_frames;
        return aligned_alloc(64, (size + 63) / 64 * 64);
      } else {
        return ::operator new(size);
      }
    }
    static void operator delete(void* p, std::size_t size) {
      if constexpr (Own) {
        --g_own_frames;
        free(p);
      } else {
        ::operator delete(p, size);
      }
    }
  };
  explicit Generator(std::coroutine_handle<promise_type> made) : handle(made) {}
  Generator(Generator&& other) noexcept : handle(std::exchange(other.handle, {})) {}
  Generator& operator=(Generator&&) = delete;
  ~Generator() {
    if (handle) handle.destroy();
  }
  bool next() {
    handle.resume();
    return !handle.done();
  }
  std::coroutine_handle<promise_type> handle;
};

template <bool Own>
Generator<Own> squares(long count, std::string held) {
  std::vector<long> history;
  for (long i = 0; i < count; ++i) {
    history.push_back(i * i);
    co_yield history.back() + static_cast<long>(held.size());
  }
}

template <bool Own>
void use() {
  long sum = 0;
  auto all = squares<Own>(100, std::string(200, 'c'));
  while (all.next()) sum += all.handle.promise().value;
  CHECK(sum == 328350 + 20000);
  for (int i = 0; i < 100; ++i) {
    auto early = squares<Own>(50, std::string(3000, 'e'));
    for (int step = 0; step < i % 20; ++step) CHECK(early.next());
    if (i % 2) std::thread([other = std::move(early)]() mutable { CHECK(other.next()); }).join();
  }
  auto failing = squares<Own>(5, "x");
  auto moved = std::make_unique<Generator<Own>>(std::move(failing));
  CHECK(moved->next());
}

}  // namespace

int main() {
  use<false>();
  use<true>();
  CHECK(g_own_frames == 0);
  return compat_end("coroutines");
}
