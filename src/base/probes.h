#pragma once
// Static probes (USDT) on slow paths, for bpftrace, perf and gdb: one `nop` each, and a note in the file
// that says where it is and what is in which register. `readelf -n libhakmem.so` lists them. Where the
// header of SystemTap is missing the library has none.
//
//   refill  size class, slots, id of the thread cache       flush  the same
//   remote_free  address, slot                              large  bytes asked for, address
//   purge  calls to the kernel so far, 1 if all was asked   fault  fault, api, pointer
//
// Technique: SystemTap's user-space probes, sys/sdt.h (public domain).
#if __has_include(<sys/sdt.h>) && !defined(HAKMEM_NO_PROBES)
#include <sys/sdt.h>
#define HAK_PROBE2(name, a, b) DTRACE_PROBE2(hakmem, name, a, b)
#define HAK_PROBE3(name, a, b, c) DTRACE_PROBE3(hakmem, name, a, b, c)
#else
#define HAK_PROBE2(name, a, b) static_cast<void>(0)
#define HAK_PROBE3(name, a, b, c) static_cast<void>(0)
#endif
