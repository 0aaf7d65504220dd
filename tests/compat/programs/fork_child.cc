// Blocks made before fork and freed in the child, and in the parent too: they are two processes' own.
#include <spawn.h>
#include <sys/wait.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "compat.h"

extern "C" char** environ;

namespace {

std::vector<void*> g_blocks;
void* g_prepared = nullptr;

void make_blocks() {
  for (std::size_t i = 0; i < 800; ++i) {
    g_blocks.push_back(malloc(i * 31 % 4000 + (i % 100 == 0 ? 70000 : 1)));
    fill(g_blocks.back(), 1, static_cast<unsigned>(i));
  }
}
void end_blocks() {
  for (std::size_t i = 0; i < g_blocks.size(); ++i) {
    CHECK(filled(g_blocks[i], 1, static_cast<unsigned>(i)));
    free(i % 2 ? g_blocks[i] : realloc(g_blocks[i], 3000));
  }
  g_blocks.clear();
}

void ends_well(pid_t child) {
  int status = 0;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/// Frees all in a child, and there again in a child's child and in its threads.
void free_in_children(int depth) {
  const pid_t child = fork();
  if (child == 0) {
    if (depth) free_in_children(depth - 1);
    std::thread(end_blocks).join();
    std::vector<std::string> made(500, std::string(300, 'c'));
    _exit(made.size() == 500 ? 0 : 1);
  }
  ends_well(child);
}

}  // namespace

int main() {
  pthread_atfork([] { g_prepared = malloc(90); }, [] { free(g_prepared); }, [] { free(g_prepared); });
  make_blocks();
  free_in_children(2);

  // While other threads allocate and free.
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!stop) std::vector<std::string> work(30, std::string(50, 'w'));
    });
  for (int i = 0; i < 20; ++i) free_in_children(0);
  stop = true;
  for (auto& thread : threads) thread.join();
  std::thread([] { free_in_children(1); }).join();

  pid_t child = 0;
  const char* arguments[] = {"true", nullptr};
  CHECK(posix_spawnp(&child, "true", nullptr, nullptr, const_cast<char**>(arguments), environ) == 0);
  ends_well(child);
  CHECK(system("exit 3") == 3 << 8);
  FILE* pipe = popen("echo piped", "r");
  char line[20] = {};
  CHECK(pipe && fgets(line, sizeof line, pipe) && strcmp(line, "piped\n") == 0 && pclose(pipe) == 0);
  end_blocks();
  return compat_end("fork_child");
}
