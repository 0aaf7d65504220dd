// Linked with -static: the same malloc, new and threads, and the same report.
#include <signal.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "work.h"

namespace {

/// What a child that frees twice says on stderr.
std::string report_of_double_free() {
  int ends[2];
  CHECK(pipe(ends) == 0, "pipe");
  const pid_t pid = fork();
  CHECK(pid >= 0, "fork");
  if (pid == 0) {
    dup2(ends[1], STDERR_FILENO);
    void* volatile p = malloc(100);
    free(p);
    free(p);
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[1'024];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  int status = 0;
  CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "a double free aborts");
  return text;
}

}  // namespace

int main() {
  CHECK(!is_mapped("libc.so") && !is_mapped("libhakmem"), "nothing is loaded dynamically");
  CHECK(strstr(hakmem_build_info(), "hakmem") != nullptr, "the library is linked in");
  lifecycle::Blocks(1).churn(10'000);
  auto text = std::make_unique<std::string>(5'000, 'x');
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) threads.emplace_back([t] { lifecycle::Blocks(t).churn(5'000); });
  for (std::thread& thread : threads) thread.join();
  CHECK(text->size() == 5'000 && (*text)[4'999] == 'x', "new");
  lifecycle::check_heap();
  CHECK(lifecycle::stats().live_blocks > 0, "the heap in use is ours");
  const std::string report = report_of_double_free();
  if (report.find("hakmem-report: fault=double-free") == std::string::npos) {
    fprintf(stderr, "FAILED: not the report of a double free:\n%s", report.c_str());
    return 1;
  }
}
