// Under a limit of the address space: the program runs, and what does not fit is NULL and ENOMEM.
#include <sys/resource.h>

#include <thread>
#include <vector>

#include "work.h"

namespace {

void run_under(std::size_t mib) {
  lifecycle::Blocks(1).churn(20'000);
  errno = 0;
  void* too_much = malloc(mib << 20);
  CHECK(too_much == nullptr && errno == ENOMEM, "more than the limit");
  // Fill what there is, then give it back and do it again: nothing is lost.
  std::size_t counts[2] = {};
  for (std::size_t& count : counts) {
    std::vector<void*> all;
    all.reserve(4'096);
    while (all.size() < 4'096) {
      void* p = malloc(std::size_t{1} << 20);
      if (!p) break;
      memset(p, 1, 4'096);
      all.push_back(p);
    }
    count = all.size();
    for (void* p : all) free(p);
  }
  printf("%zu and %zu blocks of 1 MiB under %zu MiB\n", counts[0], counts[1], mib);
  CHECK(counts[0] > 0, "1 MiB can be had");
  CHECK(counts[0] < mib, "the limit holds");
  CHECK(counts[1] + 1 >= counts[0], "what was freed can be had again");
  lifecycle::Blocks(2).churn(20'000);
  if (mib >= 1'024) {
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 50; ++t)
      threads.emplace_back([t] { lifecycle::Blocks(t).churn(2'000); });
    for (std::thread& thread : threads) thread.join();
  }
  lifecycle::check_heap();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) {
    run_under(strtoul(argv[2], nullptr, 10));
    return 0;
  }
  const int mib = lifecycle::number_argument(argc, argv, 16);
  // The limit must hold before the heap starts, so in a program of its own.
  const rlimit limit = {static_cast<rlim_t>(mib) << 20, static_cast<rlim_t>(mib) << 20};
  CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
  char mode[] = "limited";
  char* arguments[] = {argv[0], mode, argv[1], nullptr};
  execv("/proc/self/exe", arguments);
  CHECK(false, "exec");
}
