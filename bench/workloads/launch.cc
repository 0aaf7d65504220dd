// hakmem-launch COUNT OUTPUT [NAME=VALUE...] -- PROGRAM [ARGUMENT...]
//
// Starts a program COUNT times, one after the other, with the given variables added, and writes
// one JSON line of what the kernel says about them to OUTPUT. A launcher of its own because a
// child's peak resident set starts at its parent's: Python's would hide every small program's.
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {

struct Totals {
  double wall_seconds = 0;
  double user_seconds = 0;
  long peak_kib = 0;
  long minor_faults = 0;
  long major_faults = 0;
  long voluntary_switches = 0;
  double system_seconds = 0;
};

[[noreturn]] void die(const char* what, const char* which) {
  fprintf(stderr, "hakmem-launch: %s '%s'\n", what, which);
  exit(125);
}

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Runs the program once; its exit status, or 128 and the signal, if not 0.
int run_once(char** command, Totals& totals) {
  pid_t pid = 0;
  const double begun = now();
  if (const int error = posix_spawnp(&pid, command[0], nullptr, nullptr, command, environ)) {
    die(strerror(error), command[0]);
  }
  int status = 0;
  rusage usage{};
  while (wait4(pid, &status, 0, &usage) < 0) {
    if (errno != EINTR) die("cannot wait for", command[0]);
  }
  totals.wall_seconds += now() - begun;
  if (usage.ru_maxrss > totals.peak_kib) totals.peak_kib = usage.ru_maxrss;
  totals.minor_faults += usage.ru_minflt;
  totals.major_faults += usage.ru_majflt;
  totals.voluntary_switches += usage.ru_nvcsw;
  totals.user_seconds += seconds(usage.ru_utime);
  totals.system_seconds += seconds(usage.ru_stime);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void report(const char* path, const Totals& totals, long count) {
  FILE* file = fopen(path, "w");
  if (!file) die("cannot write", path);
  const auto runs = static_cast<double>(count);
  fprintf(file,
          "{\"wall_seconds\": %.6f, \"user_seconds\": %.6f, "
          "\"rss_peak_kib\": %ld, \"minor_faults\": %ld, "
          "\"major_faults\": %ld, \"voluntary_switches\": %ld, \"system_seconds\": %.6f}\n",
          totals.wall_seconds / runs, totals.user_seconds / runs, totals.peak_kib,
          totals.minor_faults / count, totals.major_faults / count,
          totals.voluntary_switches / count, totals.system_seconds / runs);
  if (fclose(file) != 0) die("cannot write", path);
}

}  // namespace

int main(int argc, char** argv) {
  int program = 3;
  while (program < argc && strcmp(argv[program], "--") != 0) ++program;
  if (argc < 5 || program + 1 >= argc) {
    fprintf(stderr, "usage: hakmem-launch COUNT OUTPUT [NAME=VALUE...] -- PROGRAM [ARGUMENT...]\n");
    return 125;
  }
  char* end = nullptr;
  const long count = strtol(argv[1], &end, 10);
  if (*end != '\0' || count < 1 || count > 1000000) {
    die("COUNT must be from 1 to 10^6, not", argv[1]);
  }
  for (int i = 3; i < program; ++i) {
    if (!strchr(argv[i], '=')) die("not NAME=VALUE:", argv[i]);
    if (putenv(argv[i]) != 0) die("cannot set", argv[i]);
  }
  Totals totals;
  for (long i = 0; i < count; ++i) {
    if (const int status = run_once(argv + program + 1, totals)) return status;
  }
  report(argv[2], totals, count);
  return 0;
}
