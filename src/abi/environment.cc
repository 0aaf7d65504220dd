#include "abi/environment.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/types.h"

namespace hak {
namespace {

constexpr char kPrefix[] = "HAKMEM_";
constexpr std::size_t kPrefixLength = sizeof kPrefix - 1;
constexpr std::size_t kMaxVariables = 64;
constexpr std::size_t kRoom = 8192;

char g_text[kRoom];
char* g_variables[kMaxVariables + 1];

/// Keeps the variables of ours as their bytes go by; what does not fit is left out.
class Keeper {
 public:
  void take(char byte) {
    if (byte == 0) return end();
    const std::size_t length = used_ - begin_;
    if (length < kPrefixLength && byte != kPrefix[length]) skip_ = true;
    if (used_ + 1 >= kRoom) skip_ = true;
    if (!skip_) g_text[used_++] = byte;
  }

 private:
  void end() {
    if (!skip_ && used_ - begin_ > kPrefixLength && count_ < kMaxVariables) {
      g_variables[count_++] = g_text + begin_;
      g_text[used_++] = 0;
      begin_ = used_;
    }
    used_ = begin_;
    skip_ = false;
  }

  std::size_t used_ = 0, begin_ = 0, count_ = 0;
  bool skip_ = false;
};

}  // namespace

char** start_environment() {
  if (environ) return environ;
  const int file = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  Keeper keeper;
  char buffer[1024];
  for (ssize_t got; (got = read(file, buffer, sizeof buffer)) > 0;)
    for (ssize_t i = 0; i < got; ++i) keeper.take(buffer[i]);
  close(file);
  return g_variables;
}

}  // namespace hak
