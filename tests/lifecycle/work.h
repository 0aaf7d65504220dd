#pragma once
// What the programs do with the heap, and what they look at.
#include <sys/wait.h>

#include <cstddef>
#include <cstdint>

#include "check.h"
#include "hakmem.h"

namespace lifecycle {

/// Cheap and different per start value; not for secrets.
class Numbers {
 public:
  explicit Numbers(unsigned start) : state_(start * 2654435761U + 1) {}
  unsigned below(unsigned limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_ % limit;
  }

 private:
  unsigned state_;
};

/// Blocks of many sizes, each filled and checked when it is freed. Frees all it has at its end.
class Blocks {
 public:
  explicit Blocks(unsigned start) : numbers_(start) {}
  ~Blocks() {
    for (unsigned i = 0; i < kCount; ++i) give(i);
  }
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;

  void churn(int operations) {
    for (int n = 0; n < operations; ++n) {
      const unsigned i = numbers_.below(kCount);
      give(i);
      sizes_[i] = 1 + numbers_.below(1U << (4 + numbers_.below(10)));
      at_[i] = static_cast<unsigned char*>(malloc(sizes_[i]));
      CHECK(at_[i] != nullptr, "malloc of at most 8 KiB");
      memset(at_[i], static_cast<int>(i), sizes_[i]);
    }
  }

 private:
  static constexpr unsigned kCount = 64;
  void give(unsigned i) {
    if (!at_[i]) return;
    for (std::size_t b = 0; b < sizes_[i]; ++b)
      CHECK(at_[i][b] == static_cast<unsigned char>(i), "a block has kept its content");
    free(at_[i]);
    at_[i] = nullptr;
  }
  Numbers numbers_;
  unsigned char* at_[kCount] = {};
  std::size_t sizes_[kCount] = {};
};

inline hakmem_stats stats() {
  hakmem_stats out;
  hakmem_stats_get(&out);
  return out;
}

inline void check_heap() {
  const char* broken = hakmem_verify();
  if (broken) fprintf(stderr, "FAILED: heap invariant %s\n", broken);
  CHECK(broken == nullptr, "the heap is whole");
}

/// Resident kibibytes of this process.
inline long resident_kib() {
  FILE* statm = fopen("/proc/self/statm", "r");
  CHECK(statm != nullptr, "cannot read the resident size");
  long total = 0;
  long resident = 0;
  CHECK(fscanf(statm, "%ld %ld", &total, &resident) == 2, "the resident size");
  fclose(statm);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/// The wait status of a child as text for people, in a static buffer.
inline const char* describe(int status) {
  static char text[64];
  if (WIFSIGNALED(status)) {
    snprintf(text, sizeof text, "ended by signal %d", WTERMSIG(status));
  } else {
    snprintf(text, sizeof text, "exit status %d", WEXITSTATUS(status));
  }
  return text;
}

inline int number_argument(int argc, char** argv, int least) {
  const long value = argc == 2 ? strtol(argv[1], nullptr, 10) : 0;
  if (value < least) {
    fprintf(stderr, "usage: %s COUNT (at least %d)\n", argv[0], least);
    _exit(2);
  }
  return static_cast<int>(value);
}

}  // namespace lifecycle
