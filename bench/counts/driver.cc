// The program that counts.py runs under callgrind: `hakmem-count-driver PATH OPS [stand-in]`.
//
// Every allocation call goes through the table below, so that a run with "stand-in" executes
// exactly the same harness instructions around allocation functions that do nothing. The call
// sites stand in functions of their own (op_*), which must not be inlined: counts.py reads the
// inclusive cost of what they call, by these names, from callgrind's call records.
//
// With "step" as the third argument the path runs once untraced, to warm up; then the addresses of
// op_* go to standard output and the process stops itself, for hakmem-step to trace the second run.
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <new>

// clang 14 declares the sized form only with -fsized-deallocation; every C++ runtime has it.
void operator delete(void* object, size_t size) noexcept;

namespace {

struct Api {
  void* (*allocate)(size_t);
  void (*release)(void*);
  void* (*allocate_zeroed)(size_t, size_t);
  void* (*resize)(void*, size_t);
  void* (*allocate_aligned)(size_t, size_t);
  void* (*create)(size_t);
  void (*destroy)(void*, size_t);
};

alignas(64) unsigned char stand_in_object[1 << 17];

[[gnu::noinline]] void* null_malloc(size_t) { return stand_in_object; }
[[gnu::noinline]] void null_free(void*) {}
[[gnu::noinline]] void* null_calloc(size_t, size_t) { return stand_in_object; }
[[gnu::noinline]] void* null_realloc(void* object, size_t) { return object; }
[[gnu::noinline]] void* null_aligned(size_t, size_t) { return stand_in_object; }
[[gnu::noinline]] void null_delete(void*, size_t) {}

constexpr Api kReal = {malloc, free, calloc, realloc, aligned_alloc, ::operator new,
                       ::operator delete };
constexpr Api kStandIn = {null_malloc,  null_free,   null_calloc, null_realloc,
                          null_aligned, null_malloc, null_delete};
Api api = kReal;

}  // namespace

// External linkage and C names: counts.py looks for these seven. The alignment is what hakmem-step
// tells them apart by.
extern "C" {
[[gnu::noinline, gnu::aligned(32)]] void* op_malloc(size_t size) {
  void* object = api.allocate(size);
  asm volatile("" ::: "memory");  // not a tail call: the call record must belong to this function
  return object;
}
[[gnu::noinline, gnu::aligned(32)]] void op_free(void* object) {
  api.release(object);
  asm volatile("" ::: "memory");
}
[[gnu::noinline, gnu::aligned(32)]] void* op_calloc(size_t count, size_t size) {
  void* object = api.allocate_zeroed(count, size);
  asm volatile("" ::: "memory");
  return object;
}
[[gnu::noinline, gnu::aligned(32)]] void* op_realloc(void* old, size_t size) {
  void* object = api.resize(old, size);
  asm volatile("" ::: "memory");
  return object;
}
[[gnu::noinline, gnu::aligned(32)]] void* op_aligned(size_t alignment, size_t size) {
  void* object = api.allocate_aligned(alignment, size);
  asm volatile("" ::: "memory");
  return object;
}
[[gnu::noinline, gnu::aligned(32)]] void* op_new(size_t size) {
  void* object = api.create(size);
  asm volatile("" ::: "memory");
  return object;
}
[[gnu::noinline, gnu::aligned(32)]] void op_delete(void* object, size_t size) {
  api.destroy(object, size);
  asm volatile("" ::: "memory");
}
}

namespace {

[[noreturn]] void die(const char* message) {
  const char prefix[] = "hakmem-count-driver: ";
  (void)!write(2, prefix, sizeof prefix - 1);
  (void)!write(2, message, strlen(message));
  (void)!write(2, "\n", 1);
  _exit(2);
}

struct Random {
  uint64_t state = 88172645463325252u;
  uint32_t below(uint32_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<uint32_t>(((state & 0xffffffffu) * bound) >> 32);
  }
};

constexpr size_t kBatch = 1000;
constexpr size_t kSlots = 400;
void* slots[kBatch];

template <size_t kSize>
void pair(long ops) {
  for (long i = 0; i < ops; ++i) op_free(op_malloc(kSize));
}

// Refill and flush amortised: more objects at once than any thread cache holds.
void batch(long ops) {
  for (long i = 0; i < ops; i += long{kBatch}) {
    for (auto& slot : slots) slot = op_malloc(64);
    for (auto& slot : slots) op_free(slot);
  }
}

// Never freed: the first use of every slot, with refills from memory that was never handed out.
void fresh(long ops) {
  for (long i = 0; i < ops; ++i) op_malloc(64);
}

// Eight at a time stays inside every thread cache: the hit path on both sides.
void burst(long ops) {
  for (long i = 0; i < ops; i += 8) {
    for (size_t k = 0; k < 8; ++k) slots[k] = op_malloc(64);
    for (size_t k = 0; k < 8; ++k) op_free(slots[k]);
  }
}

// One size, a random one of 256 live objects replaced each time.
void replace(long ops) {
  Random random;
  for (size_t k = 0; k < 256; ++k) slots[k] = op_malloc(64);
  for (long i = 0; i < ops; ++i) {
    void*& slot = slots[random.below(256)];
    op_free(slot);
    slot = op_malloc(64);
  }
}

// The design note's benchmark: 400 slots, 16-1040 bytes; two steps make one pair on average.
void mixed(long ops) {
  Random random;
  for (long i = 0; i < 2 * ops; ++i) {
    void*& slot = slots[random.below(kSlots)];
    if (slot) {
      op_free(slot);
      slot = nullptr;
    } else {
      slot = op_malloc(16 + random.below(1025));
    }
  }
}

void zeroed(long ops) {
  for (long i = 0; i < ops; ++i) op_free(op_calloc(1, 64));
}

void aligned(long ops) {
  for (long i = 0; i < ops; ++i) op_free(op_aligned(64, 256));
}

void new_delete(long ops) {
  for (long i = 0; i < ops; ++i) op_delete(op_new(64), 64);
}

// Stays in the same size class, so a good allocator answers without moving.
void realloc_in_place(long ops) {
  void* object = op_malloc(100);
  for (long i = 0; i < ops; ++i) object = op_realloc(object, 100 + (static_cast<size_t>(i) & 3));
  op_free(object);
}

// Doubles from 16 to 1024 bytes: six moves per object; counted per realloc.
void realloc_grow(long ops) {
  for (long i = 0; i < ops; i += 6) {
    void* object = op_malloc(16);
    for (size_t size = 32; size <= 1024; size *= 2) object = op_realloc(object, size);
    op_free(object);
  }
}

struct Exchange {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
  bool full = false;
  bool done = false;
} exchange;

void* remote_freer(void*) {
  for (;;) {
    pthread_mutex_lock(&exchange.lock);
    while (!exchange.full && !exchange.done) {
      pthread_cond_wait(&exchange.changed, &exchange.lock);
    }
    const bool done = exchange.done && !exchange.full;
    pthread_mutex_unlock(&exchange.lock);
    if (done) return nullptr;
    for (auto& slot : slots) op_free(slot);
    pthread_mutex_lock(&exchange.lock);
    exchange.full = false;
    pthread_cond_signal(&exchange.changed);
    pthread_mutex_unlock(&exchange.lock);
  }
}

// One thread allocates 1000 objects, the other frees them; the hand-over is amortised.
void remote(long ops) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, remote_freer, nullptr) != 0) die("cannot start a thread");
  for (long i = 0; i < ops; i += long{kBatch}) {
    for (auto& slot : slots) slot = op_malloc(64);
    pthread_mutex_lock(&exchange.lock);
    exchange.full = true;
    pthread_cond_signal(&exchange.changed);
    while (exchange.full) pthread_cond_wait(&exchange.changed, &exchange.lock);
    pthread_mutex_unlock(&exchange.lock);
  }
  pthread_mutex_lock(&exchange.lock);
  exchange.done = true;
  pthread_cond_signal(&exchange.changed);
  pthread_mutex_unlock(&exchange.lock);
  pthread_join(thread, nullptr);
}

void* one_pair(void*) {
  op_free(op_malloc(64));
  return nullptr;
}

// The first allocation of a thread, and what its exit costs.
void cold(long ops) {
  for (long i = 0; i < ops; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, one_pair, nullptr) != 0) die("cannot start a thread");
    pthread_join(thread, nullptr);
  }
}

// Order as hakmem-step names them: malloc, free, calloc, realloc, aligned, new, delete.
void announce() {
  const void* const addresses[] = {
      reinterpret_cast<void*>(op_malloc),  reinterpret_cast<void*>(op_free),
      reinterpret_cast<void*>(op_calloc),  reinterpret_cast<void*>(op_realloc),
      reinterpret_cast<void*>(op_aligned), reinterpret_cast<void*>(op_new),
      reinterpret_cast<void*>(op_delete)};
  if (write(1, addresses, sizeof addresses) != sizeof addresses) die("nobody reads the addresses");
  (void)raise(SIGSTOP);
}

struct Path {
  const char* name;
  void (*run)(long);
};

constexpr Path kPaths[] = {
    {"pair-16", pair<16>},
    {"pair-64", pair<64>},
    {"pair-512", pair<512>},
    {"pair-1536", pair<1536>},
    {"pair-4096", pair<4096>},
    {"pair-100000", pair<100000>},
    {"burst-64", burst},
    {"batch-64", batch},
    {"fresh-64", fresh},
    {"replace-64", replace},
    {"mixed", mixed},
    {"remote-64", remote},
    {"calloc-64", zeroed},
    {"aligned-256", aligned},
    {"new-64", new_delete},
    {"realloc-in-place", realloc_in_place},
    {"realloc-grow", realloc_grow},
    {"cold-thread", cold},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    for (const auto& path : kPaths) {
      (void)!write(1, path.name, strlen(path.name));
      (void)!write(1, "\n", 1);
    }
    return 0;
  }
  if (argc != 3 && argc != 4) die("usage: hakmem-count-driver PATH OPS [stand-in|step]");
  char* end = nullptr;
  const long ops = strtol(argv[2], &end, 10);
  if (*end != '\0' || ops <= 0 || ops > 1000000000) die("OPS must be a number from 1 to 10^9");
  const bool step = argc == 4 && strcmp(argv[3], "step") == 0;
  if (argc == 4 && !step) {
    if (strcmp(argv[3], "stand-in") != 0) die("the third argument can only be: stand-in, step");
    api = kStandIn;
  }
  for (const auto& path : kPaths) {
    if (strcmp(path.name, argv[1]) == 0) {
      path.run(ops);
      if (step) {
        announce();
        path.run(ops);
      }
      return 0;
    }
  }
  die("unknown path (hakmem-count-driver --list names them)");
}
