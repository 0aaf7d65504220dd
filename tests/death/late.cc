// Faults that another call finds than the one that did wrong: a write to freed memory, and two frees
// of one block at the same time.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include "hakmem.h"
#include "wrong.h"

namespace misuse {

int write_after_free() {
  auto* p = static_cast<char*>(malloc(100));
  free(p);
  printf("ptr=%p\nblock=%p\nrequested=100\n", static_cast<void*>(p + 40), static_cast<void*>(p));
  fflush(stdout);
  *static_cast<volatile char*>(p + 40) = 'X';
  // Sooner or later the block is handed out again.
  for (int i = 0; i < 5000; ++i) free(malloc(100));
  return 0;
}

namespace {

/// Reports are counted in the file that HAKMEM_REPORT names; it is read behind every trial.
class Reports {
 public:
  explicit Reports(const char* path) : fd_(open(path, O_RDONLY)) {}
  ~Reports() { close(fd_); }
  Reports(const Reports&) = delete;
  Reports& operator=(const Reports&) = delete;

  int count_new() {
    static constexpr char kMark[] = "SUMMARY: hakmem: ";
    int found = 0;
    char text[16384];
    for (ssize_t got; (got = read(fd_, text, sizeof text)) > 0;)
      for (ssize_t i = 0; i < got; ++i) {
        matched_ = text[i] == kMark[matched_] ? matched_ + 1 : text[i] == kMark[0] ? 1 : 0;
        if (matched_ + 1 != sizeof kMark) continue;
        ++found;
        matched_ = 0;
      }
    return found;
  }

 private:
  int fd_;
  std::size_t matched_ = 0;
};

/// Two threads that meet at a barrier and then do the same thing to the same block.
class Pair {
 public:
  explicit Pair(bool with_realloc) : with_realloc_(with_realloc), other_([this] { serve(); }) {}
  ~Pair() {
    block_.store(this);
    other_.join();
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  /// The other thread's free starts within nanoseconds of the caller's, who is about to free.
  void start(void* p, int delay) {
    done_.store(false, std::memory_order_relaxed);
    block_.store(p, std::memory_order_release);
    for (int i = 0; i < delay; ++i) asm volatile("" ::: "memory");
  }
  void wait() {
    while (!done_.load(std::memory_order_acquire)) {
    }
  }

 private:
  void serve() {
    for (;;) {
      void* p = block_.load(std::memory_order_acquire);
      if (!p) continue;
      block_.store(nullptr, std::memory_order_relaxed);
      if (p == this) return;
      if (with_realloc_) {
        free(realloc(p, 5000));
      } else {
        free(p);
      }
      done_.store(true, std::memory_order_release);
    }
  }

  bool with_realloc_;
  std::atomic<void*> block_{nullptr};
  std::atomic<bool> done_{false};
  std::thread other_;
};

}  // namespace

/// In each trial two threads free one block. One free is good, the other must be reported, at the call
/// or when the owner collects; whatever happens, no block is handed out twice.
int racing_free(int trials, const char* variant) {
  const char* path = getenv("HAKMEM_REPORT");
  if (!path) return 2;
  const bool large = strcmp(variant, "large") == 0;
  const std::size_t size = large ? 100000 : 100;
  free(malloc(1));
  close(open(path, O_CREAT | O_WRONLY, 0600));
  Reports reports(path);
  int early = 0, late = 0, wrong = 0, twice = 0;
  {
    Pair pair(strcmp(variant, "realloc") == 0);
    // "others": neither of the two owns the block's slab.
    const bool others = strcmp(variant, "others") == 0;
    for (int trial = 0; trial < trials; ++trial) {
      void* p = nullptr;
      if (others) {
        std::atomic<bool> made{false};
        std::thread([&] { p = malloc(size), made = true; }).join();
      } else {
        p = malloc(size);
      }
      pair.start(p, trial % 200);
      free(p);
      pair.wait();
      const int at_call = reports.count_new();
      hakmem_purge();  // collects what is this thread's
      const int at_collection = reports.count_new();
      early += at_call;
      late += at_collection;
      wrong += at_call + at_collection != 1;
      void* again[24];
      std::set<void*> distinct;
      for (void*& q : again) distinct.insert(q = malloc(size));
      twice += distinct.size() != 24;
      for (void* q : distinct) free(q);
      if (reports.count_new()) ++wrong;
    }
  }
  const char* broken = hakmem_verify();
  printf("trials=%d early=%d late=%d wrong=%d twice=%d verify=%s\n", trials, early, late, wrong, twice,
         broken ? broken : "ok");
  return wrong || twice || broken;
}

}  // namespace misuse
