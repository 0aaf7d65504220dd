// Exceptions that travel: between threads, nested, and after the thread that threw is gone.
#include <exception>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "compat.h"

namespace {

struct Large {
  char bytes[20000] = {};
  std::string text = std::string(500, 'l');
};
struct alignas(64) Wide {
  long value = 64;
};

template <typename T>
std::exception_ptr thrown_elsewhere(T value) {
  std::exception_ptr caught;
  std::thread([&] {
    try {
      throw std::move(value);
    } catch (...) {
      caught = std::current_exception();
    }
  }).join();
  return caught;
}

template <typename T, typename F>
void rethrown(const std::exception_ptr& pointer, F look) {
  bool seen = false;
  try {
    std::rethrow_exception(pointer);
  } catch (const T& value) {
    seen = look(value);
  }
  CHECK(seen);
}

int depth_of(const std::exception& error) {
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& inner) {
    return depth_of(inner) + 1;
  }
  return 0;
}
void nest(int depth) {
  try {
    if (depth == 0) throw std::runtime_error(std::string(300, 'i'));
    nest(depth - 1);
  } catch (...) {
    std::throw_with_nested(std::logic_error(std::to_string(depth)));
  }
}

}  // namespace

int main() {
  for (int i = 0; i < 50; ++i) {
    auto pointer = thrown_elsewhere(std::runtime_error(std::string(100, 'r')));
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([pointer] {
        rethrown<std::runtime_error>(pointer, [](const auto& error) { return strlen(error.what()) == 100; });
      });
    for (auto& thread : threads) thread.join();
    rethrown<Large>(thrown_elsewhere(Large()), [](const Large& large) { return large.text.size() == 500; });
    rethrown<Wide>(thrown_elsewhere(Wide()), [](const Wide& wide) { return wide.value == 64; });
    auto dependent = std::make_exception_ptr(std::string("made"));
    std::thread([other = std::move(dependent)]() mutable { other = nullptr; }).join();
  }
  int depth = 0;
  try {
    nest(40);
  } catch (const std::exception& error) {
    depth = depth_of(error);
  }
  CHECK(depth == 41);

  std::future<int> broken;
  {
    std::promise<int> promise;
    broken = promise.get_future();
  }
  bool seen = false;
  try {
    broken.get();
  } catch (const std::future_error&) {
    seen = true;
  }
  CHECK(seen);
  auto failing = std::async(std::launch::async, []() -> int { throw Large(); });
  try {
    failing.get();
    seen = false;
  } catch (const Large& large) {
    seen = large.text.size() == 500;
  }
  CHECK(seen);
  return compat_end("exceptions");
}
