// hakmem-bench WORKLOAD [--threads N] [--ops N] [--seed N] [--live N]: one workload, one JSON line.
//
// The allocator is whatever the process was started with (LD_PRELOAD); the output names the file
// that malloc came from, so that a preload which silently failed cannot pass for a measurement.
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "resources.h"
#include "workload.h"

namespace hakbench {
namespace {

constexpr char kUsage[] =
    "usage: hakmem-bench WORKLOAD [--threads N] [--ops N] [--seed N] [--live N], "
    "or hakmem-bench --list";

[[noreturn]] void fail(const char* what, const char* which) {
  fprintf(stderr, "hakmem-bench: %s '%s'\n", what, which);
  exit(2);
}

template <typename Visit>
void each_workload(Visit&& visit) {
  for (const auto& group : {single_workloads(), order_workloads(), api_workloads(),
                            shared_workloads(), memory_workloads()}) {
    for (const auto& workload : group) visit(workload);
  }
}

const Workload* find(const char* name) {
  const Workload* found = nullptr;
  each_workload([&](const Workload& workload) {
    if (strcmp(workload.name, name) == 0) found = &workload;
  });
  return found;
}

uint64_t number(const char* option, const char* text, uint64_t low, uint64_t high) {
  char* end = nullptr;
  errno = 0;
  const unsigned long long value = strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < low || value > high) {
    fprintf(stderr, "hakmem-bench: %s takes a number from %llu to %llu, not '%s'\n", option,
            static_cast<unsigned long long>(low), static_cast<unsigned long long>(high), text);
    exit(2);
  }
  return value;
}

void list() {
  each_workload([](const Workload& workload) {
    printf(
        "{\"name\": \"%s\", \"about\": \"%s\", \"ops\": %llu, \"threads\": %llu, "
        "\"live\": %llu, \"any_threads\": %s}\n",
        workload.name, workload.about, static_cast<unsigned long long>(workload.ops),
        static_cast<unsigned long long>(workload.threads),
        static_cast<unsigned long long>(workload.live), workload.any_threads ? "true" : "false");
  });
}

Config parse(const Workload& workload, int argc, char** argv) {
  Config config{workload.ops, workload.threads, 1, workload.live};
  for (int i = 2; i < argc; i += 2) {
    if (i + 1 >= argc) fail("a value must follow", argv[i]);
    if (strcmp(argv[i], "--threads") == 0) {
      config.threads = number(argv[i], argv[i + 1], 1, 1024);
      if (!workload.any_threads && config.threads != workload.threads) {
        fail("--threads cannot be changed for", workload.name);
      }
    } else if (strcmp(argv[i], "--ops") == 0) {
      config.ops = number(argv[i], argv[i + 1], 1, 1000000000000);
    } else if (strcmp(argv[i], "--seed") == 0) {
      config.seed = number(argv[i], argv[i + 1], 0, UINT64_MAX);
    } else if (strcmp(argv[i], "--live") == 0) {
      if (workload.live == 0) fail("--live means nothing for", workload.name);
      config.live = number(argv[i], argv[i + 1], 1, 100000000);
    } else {
      fail("unknown option", argv[i]);
    }
  }
  return config;
}

// The file that malloc came from, as the loader resolved it for everybody.
const char* allocator_file() {
  Dl_info info{};
  void* symbol = dlsym(RTLD_DEFAULT, "malloc");
  return symbol && dladdr(symbol, &info) != 0 && info.dli_fname ? info.dli_fname : "unknown";
}

void print(const Workload& workload, const Config& config, const Result& result,
           const Resources& before, const Resources& after, uint64_t peak_kib) {
  const auto ops = static_cast<double>(result.ops);
  printf(
      "{\"workload\": \"%s\", \"allocator\": \"%s\", \"threads\": %llu, \"seed\": %llu, "
      "\"live\": %llu, \"ops\": %llu, \"clock\": \"%s\", \"seconds\": %.6f, ",
      workload.name, allocator_file(), static_cast<unsigned long long>(config.threads),
      static_cast<unsigned long long>(config.seed), static_cast<unsigned long long>(config.live),
      static_cast<unsigned long long>(result.ops),
      clock_for(config.threads) == CLOCK_MONOTONIC ? "wall" : "cpu", result.seconds);
  printf("\"ops_per_second\": %.1f, \"ns_per_op\": %.3f, ",
         result.seconds > 0 ? ops / result.seconds : 0.0, result.seconds * 1e9 / ops);
  printf("\"rss_start_kib\": %llu, \"rss_peak_kib\": %llu, \"rss_end_kib\": %llu, ",
         static_cast<unsigned long long>(before.resident_kib),
         static_cast<unsigned long long>(peak_kib),
         static_cast<unsigned long long>(after.resident_kib));
  printf(
      "\"live_peak_bytes\": %llu, \"sampled_resident_kib\": %llu, "
      "\"sampled_live_bytes\": %llu, ",
      static_cast<unsigned long long>(result.live_peak_bytes),
      static_cast<unsigned long long>(result.sampled_resident_kib),
      static_cast<unsigned long long>(result.sampled_live_bytes));
  printf(
      "\"minor_faults\": %llu, \"major_faults\": %llu, \"voluntary_switches\": %llu, "
      "\"involuntary_switches\": %llu, ",
      static_cast<unsigned long long>(after.minor_faults - before.minor_faults),
      static_cast<unsigned long long>(after.major_faults - before.major_faults),
      static_cast<unsigned long long>(after.voluntary_switches - before.voluntary_switches),
      static_cast<unsigned long long>(after.involuntary_switches - before.involuntary_switches));
  printf("\"user_seconds\": %.6f, \"system_seconds\": %.6f}\n",
         after.user_seconds - before.user_seconds, after.system_seconds - before.system_seconds);
}

int run(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    list();
    return 0;
  }
  if (argc < 2) {
    fprintf(stderr, "%s\n", kUsage);
    return 2;
  }
  const Workload* workload = find(argv[1]);
  if (!workload) fail("unknown workload (--list names them)", argv[1]);
  const Config config = parse(*workload, argc, argv);
  reset_peak();
  const Resources before = read_resources();
  const Result result = workload->run(config);
  const Resources after = read_resources();
  print(*workload, config, result, before, after, after.peak_resident_kib);
  return 0;
}

}  // namespace
}  // namespace hakbench

int main(int argc, char** argv) { return hakbench::run(argc, argv); }
