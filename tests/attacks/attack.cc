#include "attack.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace attack {
namespace {

// Shared with the runner through a file descriptor, so that it survives the program's death.
struct Trace {
  uint64_t stage;
  uint64_t operations;
  uint64_t pointer;
};

Trace private_trace;
Trace* trace = &private_trace;
char* kept[4096];

__attribute__((constructor)) void open_trace() {
  const char* descriptor = std::getenv("ATTACK_TRACE_FD");
  if (descriptor == nullptr) return;
  void* shared = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, std::atoi(descriptor), 0);
  if (shared != MAP_FAILED) trace = static_cast<Trace*>(shared);
}

void enter(Stage stage) {
  __atomic_store_n(&trace->stage, static_cast<uint64_t>(stage), __ATOMIC_SEQ_CST);
}

[[noreturn]] void finish(const char* verdict, const char* what, int status) {
  // The heap may be wrecked by now: write(2) and _exit(2) are all that may still be called.
  char line[256];
  const int length = std::snprintf(line, sizeof line, "%s %s\n", verdict, what);
  const ssize_t written = write(STDOUT_FILENO, line, static_cast<size_t>(length));
  _exit(written == length ? status : 2);
}

}  // namespace

void begin_misuse(const void* pointer) {
  trace->pointer = address(pointer);
  enter(Stage::kMisuse);
}
void end_misuse() {
  __atomic_store_n(&trace->operations, 0, __ATOMIC_RELAXED);
  enter(Stage::kExploit);
}
void begin_free() { enter(Stage::kFree); }
void end_free() { enter(Stage::kExploit); }
void count_operation() { __atomic_fetch_add(&trace->operations, 1, __ATOMIC_RELAXED); }

void succeeded(const char* what) { finish("ATTACK-SUCCEEDED", what, 0); }
void failed(const char* what) { finish("ATTACK-FAILED", what, 3); }
void broken(const char* what) { finish("ATTACK-BROKEN", what, 2); }
void clean(const char* what) { finish("CONTROL-CLEAN", what, 0); }
void judge(bool condition, const char* what) {
  if (condition) succeeded(what);
  failed(what);
}

bool against_hakmem() {
  const char* target = std::getenv("ATTACK_TARGET");
  return target != nullptr && std::strcmp(target, "hakmem") == 0;
}

size_t size_argument(int argc, char** argv) {
  char* end = nullptr;
  const unsigned long long value = argc == 2 ? std::strtoull(argv[1], &end, 10) : 0;
  if (argc != 2 || end == argv[1] || *end != '\0') broken("one size in bytes must be given");
  return value;
}

const char* word_argument(int argc, char** argv) {
  if (argc != 2) broken("one word must be given");
  return argv[1];
}

char* take(size_t size_bytes) {
  count_operation();
  return hide(static_cast<char*>(std::malloc(size_bytes)));
}
char* take_zeroed(size_t count, size_t size_bytes) {
  count_operation();
  return hide(static_cast<char*>(std::calloc(count, size_bytes)));
}
char* resize(void* pointer, size_t size_bytes) {
  count_operation();
  return hide(static_cast<char*>(std::realloc(hide(pointer), size_bytes)));
}
void give(void* pointer) {
  count_operation();
  std::free(hide(pointer));
}
size_t usable(void* pointer) {
  count_operation();
  return malloc_usable_size(hide(pointer));
}

void damage_byte(void* pointer, ptrdiff_t offset, uint8_t value) {
  const uint8_t found = peek<uint8_t>(pointer, offset);
  poke(pointer, offset, found == value ? static_cast<uint8_t>(value ^ 0x55) : value);
}

bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes) {
  if (a == nullptr || b == nullptr) return false;
  return address(a) < address(b) + b_bytes && address(b) < address(a) + a_bytes;
}

bool readable(const void* page) {
  unsigned char resident = 0;
  return mincore(at_address(address(page) & ~uintptr_t{4095}), 4096, &resident) == 0;
}

char* heap_start(const void* block) {
  char* page = at_address(address(block) & ~uintptr_t{4095});
  if (against_hakmem()) return page;
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) broken("no /proc/self/maps");
  char line[512];
  unsigned long start = 0;
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    if (std::strstr(line, "[heap]") != nullptr) start = std::strtoul(line, nullptr, 16);
  }
  std::fclose(maps);
  return start == 0 ? page : at_address(start);
}

size_t churn_count(size_t size_bytes) {
  constexpr size_t kBudgetBytes = size_t{48} << 20;
  const size_t count = kBudgetBytes / (size_bytes + 64);
  if (count > 4096) return 4096;
  return count < 32 ? 32 : count;
}

void churn(size_t size_bytes) {
  const size_t count = churn_count(size_bytes);
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < count; ++i) kept[i] = take(size_bytes);
    for (size_t i = 0; i < count; ++i) give(kept[i]);
  }
}

char* take_until(const void* wanted, size_t size_bytes) {
  constexpr int kRounds = 8;
  const size_t count = churn_count(size_bytes);
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < count; ++i) {
      kept[i] = take(size_bytes);
      if (kept[i] == wanted) return kept[i];
    }
    if (round + 1 == kRounds) break;
    for (size_t i = 0; i < count; ++i) give(kept[i]);
  }
  return nullptr;
}

Filler::Filler(size_t size_bytes) : size_bytes_(size_bytes), blocks_{} {
  for (char*& block : blocks_) block = take(size_bytes_);
}
void Filler::fill() {
  for (char* block : blocks_) give(block);
}
void Filler::drain() {
  for (char*& block : blocks_) block = take(size_bytes_);
}

void in_thread(void (*body)(void*), void* argument) {
  struct Call {
    void (*body)(void*);
    void* argument;
  };
  Call call = {body, argument};
  pthread_t thread;
  auto enter_thread = [](void* raw) -> void* {
    const Call* given = static_cast<const Call*>(raw);
    given->body(given->argument);
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, enter_thread, &call) != 0) broken("no thread");
  pthread_join(thread, nullptr);
}

}  // namespace attack
