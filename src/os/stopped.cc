#include "os/stopped.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace hak {
namespace {

/// How long the tracer may take. A thread that the kernel cannot stop, since it waits for a disk or a child
/// of vfork, must not hold up the exit.
constexpr long kPatienceMs = 3000, kStepMs = 20;

/// Waits until the word is not `value` any more; false when it takes longer.
bool wait_while(Atomic<u32>& word, u32 value, long most_ms) {
  for (long waited = 0; word.load(kAcquire) == value; waited += kStepMs) {
    if (waited > most_ms) return false;
    const timespec step = {0, kStepMs * 1000000};
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, &step, nullptr, 0);
  }
  return true;
}

void say(Atomic<u32>& word, u32 value) {
  word.store(value, kRelease);
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

/// An entry of getdents64(2).
struct Entry {
  u64 inode;
  u64 offset;
  u16 bytes;
  u8 type;
  char name[1];
};

}  // namespace

/// Seizes the thread, waits until it stands, and takes its registers. True too if it has ended.
bool StoppedThreads::stop_one(Room& room, int thread) {
  if (ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) return errno == ESRCH;
  if (ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) != 0 && errno != ESRCH) return false;
  for (int status = 0;;) {
    if (syscall(SYS_wait4, thread, &status, __WALL, nullptr) < 0) return errno == ECHILD;
    if (!WIFSTOPPED(status)) return true;
    if (status >> 16 == PTRACE_EVENT_STOP) break;
    // A signal was on its way: the thread gets it, and stands behind that.
    ptrace(PTRACE_CONT, thread, nullptr, WSTOPSIG(status));
  }
  iovec to = {room.words + room.word_count, (kMostWords - room.word_count) * sizeof(std::uintptr_t)};
  if (ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &to) != 0) return errno == ESRCH;
  room.word_count += to.iov_len / sizeof(std::uintptr_t);
  return true;
}

/// Goes through the threads until there is none that it has not seen: those that run make new ones.
bool StoppedThreads::stop(Room& room) {
  alignas(Entry) char entries[4096];
  for (u32 before = ~0U; before != room.thread_count;) {
    before = room.thread_count;
    lseek(room.tasks, 0, SEEK_SET);
    for (long got = 0; (got = syscall(SYS_getdents64, room.tasks, entries, sizeof entries)) != 0;) {
      if (got < 0) return false;
      for (long at = 0; at < got;) {
        const auto* entry = reinterpret_cast<const Entry*>(entries + at);
        at += entry->bytes;
        const int thread = atoi(entry->name);
        bool known = thread == 0 || thread == room.caller;
        for (u32 i = 0; i < room.thread_count && !known; ++i) known = room.threads[i] == thread;
        if (known) continue;
        if (room.thread_count == kMostThreads) return false;
        room.threads[room.thread_count++] = thread;
        if (!stop_one(room, thread)) return false;
      }
    }
  }
  return true;
}

/// The tracer. What it has stopped goes on when it ends.
int StoppedThreads::trace(void* context) {
  Room& room = *static_cast<Room*>(context);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!wait_while(room.state, kWait, kPatienceMs)) return 1;
  const bool stopped = stop(room);
  say(room.state, stopped ? kStopped : kFailed);
  while (stopped && !wait_while(room.state, kStopped, kPatienceMs)) {
  }
  return 0;
}

void StoppedThreads::start() {
  // Its copies of the program's handlers must not run: they would do so in our memory.
  sigset_t every, before;
  sigfillset(&every);
  sigprocmask(SIG_SETMASK, &every, &before);
  tracer_ = clone(trace, room_->stack + kStackBytes, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED, room_);
  if (tracer_ > 0) {
    prctl(PR_SET_PTRACER, tracer_);
    say(room_->state, kGo);
    wait_while(room_->state, kGo, kPatienceMs);
    all_ = room_->state.load(kAcquire) == kStopped;
    if (!all_) end();
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

void StoppedThreads::end() {
  say(room_->state, kEnd);
  if (!all_) kill(tracer_, SIGKILL);
  while (waitpid(tracer_, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  tracer_ = 0;
}

StoppedThreads::StoppedThreads(const Os& os) : os_(os) {
  struct stat tasks = {};
  // Two links and one for each thread.
  all_ = stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;
  if (all_) return;
  const int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  room_ = static_cast<Room*>(os.reserve(0, sizeof(Room)));
  if (room_ && os.commit(room_, sizeof(Room))) {
    room_->tasks = fd;
    room_->caller = static_cast<int>(thread_id());
    start();
  }
  close(fd);
}

StoppedThreads::~StoppedThreads() {
  if (tracer_ > 0) end();
  if (room_) os_.release(room_, sizeof(Room));
}

}  // namespace hak
