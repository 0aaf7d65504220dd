// Many threads that live shortly, throw through many frames, hand memory to one another, leave
// thread-local objects to be destroyed late, and fork while others allocate. Usage: threads ROUNDS.
// What it prints depends on the number of rounds only.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<std::uint64_t> g_late_work{0};

// Allocates while its thread is torn down, when the allocator's own thread state may be gone.
struct Late {
  std::vector<std::string> kept;
  ~Late() {
    std::map<int, std::string> made_at_exit;
    for (int i = 0; i < 20; ++i) {
      made_at_exit[i] = std::string(static_cast<std::size_t>(30 + i * 10), 'l');
    }
    g_late_work += kept.size() + made_at_exit.size();
  }
};

thread_local Late t_late;

class Problem : public std::runtime_error {
 public:
  Problem(const std::string& what, std::vector<std::string> trail)
      : std::runtime_error(what), trail_(std::move(trail)) {}
  const std::vector<std::string>& trail() const { return trail_; }

 private:
  std::vector<std::string> trail_;
};

[[noreturn]] void descend(int depth, std::vector<std::string> trail) {
  trail.push_back("frame " + std::to_string(depth) + " with a text too long to fit in place");
  const auto held = std::make_unique<char[]>(static_cast<std::size_t>(100 * depth + 1));
  if (depth == 0) {
    throw Problem("bottom reached", trail);
  }
  try {
    descend(depth - 1, trail);
  } catch (Problem& problem) {
    if (depth % 5 == 0) {
      std::throw_with_nested(Problem("wrapped at " + std::to_string(depth), problem.trail()));
    }
    throw;
  }
}

std::uint64_t unwind(const std::exception& exception) {
  std::uint64_t length = std::strlen(exception.what());
  try {
    std::rethrow_if_nested(exception);
  } catch (const std::exception& nested) {
    length += unwind(nested);
  }
  return length;
}

std::uint64_t throw_and_catch(int depth) {
  try {
    descend(depth, {});
  } catch (const Problem& problem) {
    return unwind(problem) + problem.trail().size();
  }
}

// A block whose contents say how long it is and who wrote it; the reader frees it.
struct Parcel {
  char* bytes;
  std::size_t size;
  unsigned char mark;
};

class Queue {
 public:
  void push(Parcel parcel) {
    const std::scoped_lock lock(mutex_);
    parcels_.push_back(parcel);
    ready_.notify_one();
  }

  std::optional<Parcel> pop() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return !parcels_.empty() || closed_; });
    if (parcels_.empty()) {
      return std::nullopt;
    }
    const Parcel parcel = parcels_.front();
    parcels_.pop_front();
    return parcel;
  }

  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    ready_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Parcel> parcels_;
  bool closed_ = false;
};

[[noreturn]] void fail(const char* what) {
  std::cerr << "threads: " << what << '\n';
  std::_Exit(1);
}

Parcel make_parcel(std::uint64_t number) {
  const std::size_t size = 1 + number * 7919 % (number % 50 == 0 ? 300000 : 3000);
  const auto mark = static_cast<unsigned char>(number);
  char* bytes = nullptr;
  switch (number % 4) {
    case 0:
      bytes = static_cast<char*>(std::malloc(size));
      break;
    case 1:
      bytes = static_cast<char*>(std::calloc(1, size));
      if (bytes != nullptr && (bytes[0] != 0 || bytes[size - 1] != 0 || bytes[size / 2] != 0)) {
        fail("calloc gave memory that is not zero");
      }
      break;
    case 2:
      bytes = static_cast<char*>(std::realloc(std::malloc(size / 2 + 1), size));
      break;
    default:
      bytes = static_cast<char*>(std::aligned_alloc(256, (size + 255) / 256 * 256));
      if (reinterpret_cast<std::uintptr_t>(bytes) % 256 != 0) {
        fail("aligned_alloc gave memory that is not aligned");
      }
      break;
  }
  if (bytes == nullptr) {
    fail("out of memory");
  }
  std::memset(bytes, mark, size);
  return {bytes, size, mark};
}

std::uint64_t open_parcel(const Parcel& parcel) {
  for (std::size_t i = 0; i < parcel.size; ++i) {
    if (static_cast<unsigned char>(parcel.bytes[i]) != parcel.mark) {
      fail("a block changed on its way");
    }
  }
  std::free(parcel.bytes);
  return parcel.size;
}

std::uint64_t send_parcels(std::uint64_t count) {
  constexpr std::uint64_t kSenders = 4;
  Queue queue;
  std::atomic<std::uint64_t> received{0};
  std::vector<std::thread> senders;
  std::vector<std::thread> receivers;
  for (std::uint64_t s = 0; s < kSenders; ++s) {
    senders.emplace_back([&queue, s, count] {
      for (std::uint64_t i = s; i < count; i += kSenders) {
        queue.push(make_parcel(i));
      }
    });
    receivers.emplace_back([&queue, &received] {
      while (const auto parcel = queue.pop()) {
        received += open_parcel(*parcel);
      }
    });
  }
  for (auto& sender : senders) {
    sender.join();
  }
  queue.close();
  for (auto& receiver : receivers) {
    receiver.join();
  }
  return received;
}

struct alignas(128) Wide {
  std::uint64_t words[16] = {};
};

// Generations of threads, each leaving exceptions and blocks for this one to end.
std::uint64_t run_generation(int generation) {
  constexpr int kThreads = 32;
  std::vector<std::exception_ptr> left(kThreads);
  std::vector<std::unique_ptr<Wide>> wide(kThreads);
  std::vector<std::thread> threads;
  std::atomic<std::uint64_t> sum{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto index = static_cast<std::size_t>(t);
      t_late.kept.assign(static_cast<std::size_t>(t + generation % 3), std::string(40, 'k'));
      sum += throw_and_catch(t % 20);
      wide[index] = std::make_unique<Wide>();
      if (reinterpret_cast<std::uintptr_t>(wide[index].get()) % alignof(Wide) != 0) {
        fail("new gave memory that is not aligned");
      }
      try {
        descend(t % 7, {});
      } catch (...) {
        left[index] = std::current_exception();
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (const auto& exception : left) {
    try {
      std::rethrow_exception(exception);
    } catch (const std::exception& problem) {
      sum += unwind(problem);
    }
  }
  return sum;
}

// Forks while two threads allocate; the child allocates, frees and ends.
int fork_among_threads(int children) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
  for (int t = 0; t < 2; ++t) {
    busy.emplace_back([&stop] {
      for (std::uint64_t i = 0; !stop; ++i) {
        open_parcel(make_parcel(i));
      }
    });
  }
  int good = 0;
  for (int c = 0; c < children; ++c) {
    const pid_t child = fork();
    if (child == 0) {
      std::uint64_t sum = 0;
      for (std::uint64_t i = 0; i < 200; ++i) {
        sum += open_parcel(make_parcel(i));
      }
      _exit(sum != 0 ? 7 : 1);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
      fail("cannot fork");
    }
    good += WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 1 : 0;
  }
  stop = true;
  for (auto& thread : busy) {
    thread.join();
  }
  return good;
}

bool too_much_throws() {
  try {
    const volatile std::size_t far_too_much = SIZE_MAX / 4;
    char* const volatile block = new char[far_too_much];  // volatile: or the pair is optimised away
    delete[] block;
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc == 2 ? std::atoi(argv[1]) : 0;
  if (rounds < 1) {
    std::cerr << "usage: threads ROUNDS\n";
    return 2;
  }
  std::uint64_t thrown = 0;
  std::uint64_t sent = 0;
  int forked = 0;
  for (int round = 0; round < rounds; ++round) {
    thrown += run_generation(round);
    sent += send_parcels(2000);
    forked += fork_among_threads(5);
  }
  std::cout << "thrown " << thrown << "\nsent   " << sent << "\nforked " << forked << "\nlate   "
            << g_late_work << "\nbounds " << too_much_throws() << '\n';
}
