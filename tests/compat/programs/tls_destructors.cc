// Memory that is freed and made while a thread ends: thread_local objects, and keys that come again.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "compat.h"

namespace {

pthread_key_t g_key, g_again;
int g_ended = 0;

struct Held {
  ~Held() {
    CHECK(text.size() == 1000);
    std::vector<std::string> made(20, std::string(100, 'm'));
    CHECK(made.back()[99] == 'm');
    free(raw);
    __atomic_fetch_add(&g_ended, 1, __ATOMIC_RELAXED);
  }
  std::string text = std::string(1000, 'h');
  void* raw = malloc(5000);
};
thread_local Held held;
thread_local std::unique_ptr<int[]> late;

void free_value(void* p) {
  CHECK(filled(p, 300, 4));
  free(p);
  __atomic_fetch_add(&g_ended, 1, __ATOMIC_RELAXED);
}
/// Sets itself again, each time with memory of its own, for as long as the rounds go.
void again(void* p) {
  const int left = *static_cast<int*>(p) - 1;
  free(p);
  if (left < 0) return;
  auto* next = static_cast<int*>(malloc(sizeof(int) * 50));
  *next = left;
  pthread_setspecific(g_again, next);
  __atomic_fetch_add(&g_ended, 1, __ATOMIC_RELAXED);
}

void work() {
  CHECK(!held.text.empty());
  late = std::make_unique<int[]>(400);
  void* p = malloc(300);
  fill(p, 300, 4);
  pthread_setspecific(g_key, p);
  auto* count = static_cast<int*>(malloc(sizeof(int)));
  *count = 2;
  pthread_setspecific(g_again, count);
}

}  // namespace

int main() {
  pthread_key_create(&g_key, free_value);
  pthread_key_create(&g_again, again);
  for (int round = 0; round < 50; ++round) {
    std::thread a(work), b(work);
    a.join();
    b.join();
  }
  // Ended by pthread_exit, from within nested calls.
  pthread_t ended;
  pthread_create(
      &ended, nullptr,
      [](void*) -> void* {
        work();
        const std::string unwound(10000, 'u');
        pthread_exit(nullptr);
      },
      nullptr);
  pthread_join(ended, nullptr);
  CHECK(g_ended == 101 * 4);
  return compat_end("tls_destructors");
}
