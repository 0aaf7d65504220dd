#pragma once
// The environment at the first call, whenever that is.

namespace hak {

/// libc's `environ`, or, before libc has set it, the HAKMEM_ variables of /proc/self/environ. libc sets it
/// in its own initialiser, and functions of .preinit_array run before that: the runtimes that clang
/// links into fuzz targets and UBSan builds allocate there. Null if there is no /proc. To be called under
/// the lock of the start, once: the variables lie in static memory.
char** start_environment();

}  // namespace hak
