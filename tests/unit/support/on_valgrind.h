#pragma once
// For the few cases that Valgrind cannot run.
#include <valgrind/valgrind.h>

namespace hak::test {

inline bool on_valgrind() { return RUNNING_ON_VALGRIND != 0; }

}  // namespace hak::test
