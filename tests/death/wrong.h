#pragma once
// One wrong pointer per fault, made for one family of functions, and the calls it is given to.
#include <cstddef>

namespace misuse {

/// The three families; a block must end in its own.
enum class Family { kMalloc, kNew, kNewArray };

struct Call {
  const char* name;      ///< as on the command line
  const char* api;       ///< word of the machine line
  Family family;
  bool sized;            ///< takes a size
  bool aligned;          ///< takes an alignment
  void (*run)(void* p, std::size_t size, std::size_t alignment);
};
const Call* find_call(const char* name);

struct Wrong {
  void* ptr = nullptr;
  void* block = nullptr;      ///< the block that contains it, if the library can know one
  std::size_t requested = 0;  ///< what was asked for
  std::size_t given = 0;      ///< the size that a sized call is given
  std::size_t alignment = 0;
};
struct Setup {
  const char* name;
  Wrong (*make)(Family family);
};
const Setup* find_setup(const char* name);

void* allocate(Family family, std::size_t size);
void release(Family family, void* p);

/// Faults that are found by another call than the one that did wrong.
int write_after_free();
int racing_free(int trials, const char* variant);
/// Two frees of one block that overlap for certain: one stops between two of its instructions.
int racing_stepped(std::size_t size);

/// Touches what a guard page forbids, or damages what a guard slot checks.
/// `enter_sandbox` is called before the misuse if it is not null.
int sampled(const char* what, bool (*enter_sandbox)(bool files), bool files);
/// A SIGSEGV that is no business of the heap's.
int segv(const char* what);

}  // namespace misuse
