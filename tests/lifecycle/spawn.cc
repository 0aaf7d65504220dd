// vfork, posix_spawn, system and popen beside threads that allocate.
#include <spawn.h>

#include <atomic>
#include <thread>

#include "work.h"

int main() {
  constexpr int kRounds = 150;
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    lifecycle::Blocks blocks(1);
    while (!stop) blocks.churn(100);
  });
  lifecycle::Blocks blocks(2);
  for (int round = 0; round < kRounds; ++round) {
    blocks.churn(100);
    int status = 0;
    pid_t pid = vfork();
    if (pid == 0) {
      execl("/bin/sh", "sh", "-c", "exit 4", nullptr);
      _exit(127);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "vfork");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 4, "the program started by vfork");
    char name[] = "sh", option[] = "-c", script[] = "exit 5";
    char* arguments[] = {name, option, script, nullptr};
    CHECK(posix_spawn(&pid, "/bin/sh", nullptr, nullptr, arguments, environ) == 0, "posix_spawn");
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5, "the program started by posix_spawn");
    CHECK(WEXITSTATUS(system("exit 6")) == 6, "system");
    FILE* pipe = popen("echo 789", "r");
    int number = 0;
    CHECK(pipe && fscanf(pipe, "%d", &number) == 1 && number == 789, "popen");
    CHECK(pclose(pipe) == 0, "pclose");
  }
  stop = true;
  busy.join();
  lifecycle::check_heap();
}
