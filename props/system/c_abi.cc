#include "system/c_abi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>
#include <optional>
#include <string>
#include <type_traits>

#include "abi/process.h"
#include "hakmem.h"
#include "system/prefixed.h"

/// There in a build with coverage: a child leaves by _exit, which writes no profile.
extern "C" [[gnu::weak]] int __llvm_profile_write_file(void);

namespace hak::props {

CAbiSystem::CAbiSystem() {
  for (Context& context : contexts_) {
    sem_init(&context.wanted, 0, 0);
    sem_init(&context.done, 0, 0);
  }
  reports_ = memfd_create("reports", 0);
}

CAbiSystem::~CAbiSystem() {
  for (unsigned thread = 0; thread < kContextCount; ++thread) thread_exit(thread);
  close(reports_);
}

void* CAbiSystem::context_main(void* self) {
  Context& context = *static_cast<Context*>(self);
  for (;;) {
    while (sem_wait(&context.wanted) != 0) {
    }
    if (context.stop) return nullptr;
    errno = context.error;
    context.job(context.argument);
    context.error = errno;
    sem_post(&context.done);
  }
}

/// errno travels with the call, as if the caller had made it.
void CAbiSystem::run_in(unsigned thread, void (*job)(void*), void* argument) {
  thread_start(thread);
  Context& context = contexts_[thread];
  context.job = job;
  context.argument = argument;
  context.error = errno;
  sem_post(&context.wanted);
  while (sem_wait(&context.done) != 0) {
  }
  errno = context.error;
}

template <typename Call>
auto CAbiSystem::in(unsigned thread, Call call) {
  using Result = decltype(call());
  if constexpr (std::is_void_v<Result>) {
    run_in(thread, [](void* c) { (*static_cast<Call*>(c))(); }, &call);
  } else {
    struct Job {
      Call* call;
      Result result;
    } job{&call, Result{}};
    run_in(thread, [](void* j) { static_cast<Job*>(j)->result = (*static_cast<Job*>(j)->call)(); }, &job);
    return job.result;
  }
}

bool CAbiSystem::reset(const Script& script) {
  static constexpr const char* kProfiles[] = {"fast", "hardened", "paranoid"};
  const auto set = [](const char* name, const std::string& value) { setenv(name, value.c_str(), 1); };
  set("HAKMEM_PROFILE", kProfiles[static_cast<unsigned>(script.profile)]);
  set("HAKMEM_GUARDS", script.guards ? "1" : "0");
  set("HAKMEM_SEED", std::to_string(script.seed));
  set("HAKMEM_ROUTE_MASK", std::to_string(script.route_mask));
  set("HAKMEM_FASTLANE_CLASS_MASK", std::to_string(script.lane_mask));
  set("HAKMEM_ON_FAULT", "continue");
  set("HAKMEM_GUARD_SAMPLE", "0");  // the model knows where a small block lies
  set("HAKMEM_REPORT", "fd:" + std::to_string(reports_));
  thread_start(0);
  hk_free(hk_malloc(1));
  return g_heap.ready;
}

void* CAbiSystem::allocate(unsigned thread, std::size_t bytes, Api api) {
  return in(thread, [=] {
    if (api == Api::kNew) return hk_new(bytes, &std::nothrow);
    if (api == Api::kNewArray) return hk_new_array(bytes, &std::nothrow);
    return hk_malloc(bytes);
  });
}

void* CAbiSystem::calloc(unsigned thread, std::size_t count, std::size_t size) {
  return in(thread, [=] { return hk_calloc(count, size); });
}

void* CAbiSystem::allocate_aligned(unsigned thread, std::size_t alignment, std::size_t bytes, Api api) {
  return in(thread, [=]() -> void* {
    if (api != Api::kPosixMemalign) return hk_aligned_alloc(alignment, bytes);
    void* p = nullptr;
    const int error = hk_posix_memalign(&p, alignment, bytes);
    if (error) errno = error;
    return error ? nullptr : p;
  });
}

void* CAbiSystem::reallocate(unsigned thread, void* p, std::size_t bytes) {
  return in(thread, [=] { return hk_realloc(p, bytes); });
}

void* CAbiSystem::reallocate_array(unsigned thread, void* p, std::size_t count, std::size_t size) {
  return in(thread, [=] { return hk_reallocarray(p, count, size); });
}

void CAbiSystem::release(unsigned thread, void* p, Api api) {
  in(thread, [=] {
    if (api == Api::kDelete) return hk_delete(p);
    if (api == Api::kDeleteArray) return hk_delete_array(p);
    hk_free(p);
  });
}

void CAbiSystem::release_sized(unsigned thread, void* p, std::size_t bytes, std::size_t alignment, Api api) {
  in(thread, [=] {
    if (api == Api::kDelete)
      return alignment ? hk_delete_sized_aligned(p, bytes, alignment) : hk_delete_sized(p, bytes);
    if (api == Api::kDeleteArray)
      return alignment ? hk_delete_array_sized_aligned(p, bytes, alignment) : hk_delete_array_sized(p, bytes);
    alignment ? hk_free_aligned_sized(p, alignment, bytes) : hk_free_sized(p, bytes);
  });
}

std::size_t CAbiSystem::usable(unsigned thread, void* p) {
  return in(thread, [=] { return hk_malloc_usable_size(p); });
}

void CAbiSystem::thread_start(unsigned thread) {
  Context& context = contexts_[thread];
  if (context.running) return;
  context.stop = false;
  context.running = pthread_create(&context.thread, nullptr, context_main, &context) == 0;
}

void CAbiSystem::thread_exit(unsigned thread) {
  Context& context = contexts_[thread];
  if (!context.running) return;
  context.stop = true;
  sem_post(&context.wanted);
  pthread_join(context.thread, nullptr);
  context.running = false;
}

void CAbiSystem::purge(unsigned thread) {
  in(thread, [] { hk_malloc_trim(0); });
}

void CAbiSystem::set_option(Tunable tunable, u64 value) {
  const char* name = tunable == Tunable::kLaneMask ? "HAKMEM_FASTLANE_CLASS_MASK" : "HAKMEM_PURGE_DELAY_MS";
  hakmem_option_set(name, std::to_string(value).c_str());
}

/// The contexts do not exist in the child: only the heap as it is there can be looked at.
const char* CAbiSystem::fork_check(const char* (*check)(void*), void* context) {
  const pid_t child = fork();
  if (child < 0) return nullptr;
  if (child == 0) {
    void* p = hk_malloc(100);
    const bool whole = p && check(context) != nullptr;
    hk_free(p);
    // The block just allocated is nobody's: the check must have seen exactly that one too many.
    const int status = !p ? 2 : whole ? (check(context) ? 3 : 0) : 4;
    if (__llvm_profile_write_file) __llvm_profile_write_file();
    _exit(status);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return nullptr;
  return WIFEXITED(status) ? "the heap is not whole in the child of fork" : "the child of fork died";
}

Verdict CAbiSystem::take_verdict() {
  Verdict verdict;
  const off_t end = lseek(reports_, 0, SEEK_END);
  if (end <= reports_read_) return verdict;
  std::string text(static_cast<std::size_t>(end - reports_read_), 0);
  if (pread(reports_, text.data(), text.size(), reports_read_) < 0) return verdict;
  reports_read_ = end;
  static constexpr char kKey[] = "hakmem-report: fault=";
  for (std::size_t at = text.find(kKey); at != std::string::npos; at = text.find(kKey, at + 1)) {
    const std::size_t from = at + sizeof kKey - 1;
    const std::string id = text.substr(from, text.find(' ', from) - from);
    ++verdict.count;
    for (u8 fault = 0; fault < static_cast<u8>(Fault::kCount); ++fault)
      if (id == fault_id(static_cast<Fault>(fault))) verdict.fault = static_cast<Fault>(fault);
  }
  return verdict;
}

HeapCore* CAbiSystem::heap() { return &g_heap; }
bool CAbiSystem::tracked() const { return g_heap.tracker != nullptr; }

}  // namespace hak::props
