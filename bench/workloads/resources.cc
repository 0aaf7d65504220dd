#include "resources.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

namespace hakbench {
namespace {

// The value in kB of a line of /proc/self/status such as "VmRSS:     1234 kB".
uint64_t status_kib(const char* text, const char* key) {
  const char* line = strstr(text, key);
  return line ? strtoull(line + strlen(key), nullptr, 10) : 0;
}

void read_status(char* buffer, size_t size) {
  buffer[0] = '\0';
  const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t length = read(fd, buffer, size - 1);
  buffer[length > 0 ? length : 0] = '\0';
  close(fd);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

Resources read_resources() {
  char status[4096];
  read_status(status, sizeof status);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {.resident_kib = status_kib(status, "VmRSS:"),
          .peak_resident_kib = status_kib(status, "VmHWM:"),
          .minor_faults = static_cast<uint64_t>(usage.ru_minflt),
          .major_faults = static_cast<uint64_t>(usage.ru_majflt),
          .voluntary_switches = static_cast<uint64_t>(usage.ru_nvcsw),
          .involuntary_switches = static_cast<uint64_t>(usage.ru_nivcsw),
          .user_seconds = seconds(usage.ru_utime),
          .system_seconds = seconds(usage.ru_stime)};
}

uint64_t resident_kib() {
  char status[4096];
  read_status(status, sizeof status);
  return status_kib(status, "VmRSS:");
}

void reset_peak() {
  const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;  // then the peak is that of the whole process, which is no less true
  (void)!write(fd, "5", 1);
  close(fd);
}

}  // namespace hakbench
