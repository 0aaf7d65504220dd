#pragma once
// Seeded faults: named mistakes that a build for testing the tests can make on request.
//
// HAK_SEEDED(kName) is the constant false everywhere but in a tree configured with HAKMEM_SEEDED=ON,
// so a hook costs no instruction (tests/seeded/no_cost.py compares the disassembly). There it is true
// for the one fault that the environment variable HAKMEM_SEEDED_FAULT names; without it no fault is
// on. An unknown name is one line on stderr and exit status 2, before main.
#include <type_traits>

#include "base/types.h"

namespace hak {

enum class Seeded : u8 {
  kNone,
#define HAK_SEEDED_FAULT(name, id, text, drivers) name,
#include "base/seeded.def"
#undef HAK_SEEDED_FAULT
  kCount
};

#ifdef HAKMEM_SEEDED
/// The fault that is on. Set before main; a harness that tries many in one process may assign it.
extern Seeded g_seeded;
/// What is evaluated at compile time is without faults, and so is a constant that nothing else but a hook
/// initialises: name none.
FAST_PATH constexpr bool seeded(Seeded fault) {
  return !std::is_constant_evaluated() && g_seeded == fault;
}
#define HAK_SEEDED(name) ::hak::seeded(::hak::Seeded::name)
#else
#define HAK_SEEDED(name) false
#endif

}  // namespace hak
