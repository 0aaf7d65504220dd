// Destructors of threads that allocate and free: thread_local objects, and keys created before and
// after the allocator's own, in every round that pthread gives them.
#include <pthread.h>

#include <limits.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "work.h"

namespace {

constexpr int kKeys = 16;
pthread_key_t g_keys[kKeys];
std::atomic<long> g_destroyed{0};

struct Value {
  pthread_key_t key;
  int rounds;
  char text[120];
};

void destroy(void* given) {
  auto* value = static_cast<Value*>(given);
  lifecycle::Blocks(static_cast<unsigned>(value->key)).churn(50);
  CHECK(value->text[119] == 'v', "the value has kept its content");
  ++g_destroyed;
  Value* next = nullptr;
  if (value->rounds + 1 < PTHREAD_DESTRUCTOR_ITERATIONS) {
    next = static_cast<Value*>(malloc(sizeof(Value)));
    CHECK(next != nullptr, "malloc in a key's destructor");
    *next = *value;
    ++next->rounds;
  }
  CHECK(pthread_setspecific(value->key, next) == 0, "pthread_setspecific");
  free(value);
}

void make_keys(int from, int to) {
  for (int i = from; i < to; ++i)
    CHECK(pthread_key_create(&g_keys[i], destroy) == 0, "pthread_key_create");
}

// Before the constructors of any library: the allocator's key comes after these, unless the loader
// has allocated already.
void at_preinit(int, char**, char**) { make_keys(0, kKeys / 2); }
[[gnu::section(".preinit_array"), gnu::used]] void (*g_preinit)(int, char**, char**) = at_preinit;

struct Late {
  std::vector<std::string> kept = std::vector<std::string>(20, std::string(200, 'k'));
  ~Late() {
    for (const std::string& text : kept) CHECK(text == std::string(200, 'k'), "a thread_local");
    lifecycle::Blocks(7).churn(100);
  }
};

void thread_body() {
  thread_local Late late;
  CHECK(late.kept.size() == 20, "a thread_local is constructed");
  for (const pthread_key_t key : g_keys) {
    auto* value = static_cast<Value*>(malloc(sizeof(Value)));
    CHECK(value != nullptr, "malloc");
    *value = {key, 0, {}};
    memset(value->text, 'v', sizeof value->text);
    CHECK(pthread_setspecific(key, value) == 0, "pthread_setspecific");
  }
  lifecycle::Blocks(9).churn(200);
}

}  // namespace

int main() {
  constexpr int kRounds = 100;
  make_keys(kKeys / 2, kKeys);
  std::thread(thread_body).join();
  const std::size_t live = lifecycle::stats().live_blocks;
  for (int round = 0; round < kRounds; ++round) {
    std::thread one(thread_body), two(thread_body), three(thread_body);
    one.join();
    two.join();
    three.join();
  }
  const long expected = (3L * kRounds + 1) * kKeys * PTHREAD_DESTRUCTOR_ITERATIONS;
  CHECK(g_destroyed == expected, "every destructor ran in every round");
  lifecycle::check_heap();
  // libc keeps a block or two for each of the stacks that it uses again.
  CHECK(lifecycle::stats().live_blocks <= live + 8, "no block is left behind");
  // The last round comes after the thread's cache is gone and is served by a shared one.
  CHECK(lifecycle::stats().threads <= 2, "no thread's cache is left behind");
}
