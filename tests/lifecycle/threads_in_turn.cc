// Threads created and ended in turn: caches and memory are used again.
#include <thread>

#include "work.h"

int main(int argc, char** argv) {
  const int threads = lifecycle::number_argument(argc, argv, 1'000);
  long resident_early = 0;
  for (int i = 0; i < threads; ++i) {
    std::thread([i] { lifecycle::Blocks(static_cast<unsigned>(i)).churn(20); }).join();
    if (i == threads / 10) resident_early = lifecycle::resident_kib();
  }
  const long resident = lifecycle::resident_kib();
  printf("%d threads, resident %ld KiB early, %ld KiB at the end\n", threads, resident_early,
         resident);
  CHECK(resident < resident_early + 2 * 1024, "resident memory is flat");
  CHECK(lifecycle::stats().threads == 1, "only the main thread's cache is in use");
  lifecycle::check_heap();
}
