// What the kernel knows about this process, read without allocating.
#pragma once

#include <cstdint>

namespace hakbench {

struct Resources {
  uint64_t resident_kib;
  uint64_t peak_resident_kib;
  uint64_t minor_faults;
  uint64_t major_faults;
  uint64_t voluntary_switches;
  uint64_t involuntary_switches;
  double user_seconds;
  double system_seconds;
};

Resources read_resources();

uint64_t resident_kib();

// Makes the present resident set the peak, so that the peak is the workload's own.
void reset_peak();

}  // namespace hakbench
