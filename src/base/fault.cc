#include "base/fault.h"

namespace hak {

namespace {

struct FaultWords {
  const char* id;
  const char* text;
};
constexpr FaultWords kFaults[] = {
    {"none", "no fault"},
#define HAK_FAULT(name, id, text, test, row) {id, text},
#include "base/faults.def"
#undef HAK_FAULT
    {"none", "no fault"},  // kCount
};
static_assert(sizeof(kFaults) / sizeof(kFaults[0]) == static_cast<std::size_t>(Fault::kCount) + 1);

}  // namespace

const char* fault_id(Fault fault) { return kFaults[static_cast<std::size_t>(fault)].id; }
const char* fault_text(Fault fault) { return kFaults[static_cast<std::size_t>(fault)].text; }

const char* api_name(Api api) {
  static constexpr const char* kNames[] = {
      "malloc",         "calloc",   "realloc",            "reallocarray", "free",   "free_sized",
      "free_aligned_sized", "aligned_alloc", "posix_memalign", "memalign", "malloc_usable_size",
      "operator new",   "operator new[]", "operator delete", "operator delete[]", "internal", "memory access"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == static_cast<std::size_t>(Api::kCount));
  return kNames[static_cast<std::size_t>(api)];
}

}  // namespace hak
