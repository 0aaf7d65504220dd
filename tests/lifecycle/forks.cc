// A threaded process that forks all the time. In every child the heap works, with its own randomness;
// the parent does not grow.
#include <atomic>
#include <set>
#include <thread>

#include "work.h"

namespace {

std::atomic<bool> g_stop{false};

/// A size class the parent does not use: all its slots are in the order of the child's own random
/// numbers.
std::uint64_t order_of_fresh_slots() {
  std::uint64_t hash = 1469598103934665603U;
  void* blocks[32];
  for (void*& block : blocks) {
    block = malloc(12'000);
    CHECK(block != nullptr, "malloc in the child");
    hash = (hash ^ reinterpret_cast<std::uintptr_t>(block)) * 1099511628211U;
  }
  for (void* block : blocks) free(block);
  return hash;
}

[[noreturn]] void child(int number, int out) {
  alarm(30);  // a lock that stayed behind ends the child, and so the test
  const std::uint64_t hash = order_of_fresh_slots();
  { lifecycle::Blocks(static_cast<unsigned>(number)).churn(300); }
  if (number % 20 == 0) std::thread([] { lifecycle::Blocks(3).churn(300); }).join();
  CHECK(write(out, &hash, sizeof hash) == static_cast<ssize_t>(sizeof hash), "write to the parent");
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const int forks = lifecycle::number_argument(argc, argv, 100);
  int pipe_ends[2];
  CHECK(pipe(pipe_ends) == 0, "pipe");
  std::thread busy[3];
  for (unsigned t = 0; t < 3; ++t) {
    busy[t] = std::thread([t] {
      lifecycle::Blocks blocks(t);
      while (!g_stop) blocks.churn(100);
    });
  }
  std::set<std::uint64_t> orders;
  long resident_early = 0;
  for (int i = 0; i < forks; ++i) {
    const pid_t pid = fork();
    CHECK(pid >= 0, "fork");
    if (pid == 0) child(i, pipe_ends[1]);
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
    if (status != 0) fprintf(stderr, "child %d: %s\n", i, lifecycle::describe(status));
    CHECK(status == 0, "the child's heap works");
    std::uint64_t order = 0;
    CHECK(read(pipe_ends[0], &order, sizeof order) == static_cast<ssize_t>(sizeof order), "read");
    orders.insert(order);
    if (i == forks / 10) resident_early = lifecycle::resident_kib();
  }
  g_stop = true;
  for (std::thread& thread : busy) thread.join();
  const long resident = lifecycle::resident_kib();
  fprintf(stderr, "%d forks, %zu orders, resident %ld KiB early, %ld KiB at the end\n", forks, orders.size(),
         resident_early, resident);
  // Not all: there are only some 2^16 orders of 32 slots in magazines of two.
  CHECK(orders.size() > static_cast<std::size_t>(forks) / 2, "children differ in their choices");
  CHECK(resident < resident_early + 8 * 1024, "the parent does not grow");
  lifecycle::check_heap();
}
