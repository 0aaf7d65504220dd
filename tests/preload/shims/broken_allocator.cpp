// An allocator that is wrong in one chosen way, to show that the suite notices. It hands
// everything to glibc and, once BROKEN_AFTER calls have gone by, spoils what BROKEN_MODE says:
//   none     nothing: the control, under which every test must pass
//   calloc   calloc returns memory that is not zero
//   overlap  malloc hands out a block that is still in use
//   realloc  realloc loses the second half of what it was to keep
//   report   every process writes a hakmem fault report to stderr, but works
//   quiet    every process writes it to HAKMEM_REPORT, as if its stderr were closed, but works
//   leave    every process ends with a wrong exit status, but works
//   print    every process writes one line too many, but works
//   hang     no process gets anywhere
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void __libc_free(void* block);
std::size_t malloc_usable_size(void* block);
}

namespace {

enum class Mode {
  kUnread, kNone, kCalloc, kOverlap, kRealloc, kReport, kQuiet, kLeave, kPrint, kHang
};

std::atomic<Mode> g_mode{Mode::kUnread};
std::atomic<long> g_calls{0};
long g_after = 0;
std::atomic<void*> g_shared{nullptr};
constexpr std::size_t kSharedSize = 64;

Mode parse(const char* text) {
  constexpr struct { const char* name; Mode mode; } kNames[] = {
      {"calloc", Mode::kCalloc}, {"overlap", Mode::kOverlap}, {"realloc", Mode::kRealloc},
      {"report", Mode::kReport}, {"quiet", Mode::kQuiet},     {"leave", Mode::kLeave},
      {"print", Mode::kPrint},   {"hang", Mode::kHang},
  };
  for (const auto& entry : kNames) {
    if (text != nullptr && std::strcmp(text, entry.name) == 0) {
      return entry.mode;
    }
  }
  return Mode::kNone;
}

bool spoil(Mode wanted) {
  Mode mode = g_mode.load(std::memory_order_acquire);
  if (mode == Mode::kUnread) {
    const char* const after = std::getenv("BROKEN_AFTER");
    g_after = after != nullptr ? std::atol(after) : 0;
    mode = parse(std::getenv("BROKEN_MODE"));
    g_mode.store(mode, std::memory_order_release);
  }
  return mode == wanted && g_calls.fetch_add(1, std::memory_order_relaxed) >= g_after;
}

void say(int file, const char* text) {
  if (write(file, text, std::strlen(text)) < 0) {
    _exit(125);
  }
}

__attribute__((constructor)) void at_start() {
  constexpr char kReport[] = "==1==ERROR: hakmem: double-free on address 0x1000 (api free)\n";
  if (spoil(Mode::kReport)) {
    say(STDERR_FILENO, kReport);
  }
  if (spoil(Mode::kQuiet)) {
    const char* const name = std::getenv("HAKMEM_REPORT");
    const int file = name == nullptr ? -1 : open(name, O_WRONLY | O_APPEND | O_CREAT, 0666);
    say(file, kReport);
    close(file);
  }
  if (spoil(Mode::kPrint)) {
    say(STDOUT_FILENO, "one line too many\n");
  }
  while (spoil(Mode::kHang)) {
    pause();
  }
}

__attribute__((destructor)) void at_end() {
  if (spoil(Mode::kLeave)) {
    _exit(41);
  }
}

}  // namespace

extern "C" void* malloc(std::size_t size) {
  if (size == kSharedSize && spoil(Mode::kOverlap)) {
    void* block = g_shared.load();
    if (block == nullptr) {
      block = __libc_malloc(size);
      g_shared.store(block);
    }
    return block;
  }
  return __libc_malloc(size);
}

extern "C" void* calloc(std::size_t count, std::size_t size) {
  void* const block = __libc_calloc(count, size);
  if (block != nullptr && count * size > 0 && spoil(Mode::kCalloc)) {
    static_cast<unsigned char*>(block)[count * size - 1] = 0x5a;
  }
  return block;
}

extern "C" void* realloc(void* block, std::size_t size) {
  const std::size_t kept = block == nullptr ? 0 : malloc_usable_size(block);
  void* const grown = __libc_realloc(block, size);
  if (grown != nullptr && kept > 1 && size > kept && spoil(Mode::kRealloc)) {
    std::memset(static_cast<char*>(grown) + kept / 2, 0x5a, kept - kept / 2);
  }
  return grown;
}

extern "C" void free(void* block) {
  if (block != nullptr && block == g_shared.load()) {
    return;
  }
  __libc_free(block);
}
