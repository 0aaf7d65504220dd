#include "base/fault.h"

namespace hak {

const char* fault_id(Fault fault) {
  switch (fault) {
#define HAK_FAULT(name, id, text, test, row) \
  case Fault::name:                          \
    return id;
#include "base/faults.def"
#undef HAK_FAULT
    case Fault::kNone:
    case Fault::kCount:
      break;
  }
  return "none";
}

const char* fault_text(Fault fault) {
  switch (fault) {
#define HAK_FAULT(name, id, text, test, row) \
  case Fault::name:                          \
    return text;
#include "base/faults.def"
#undef HAK_FAULT
    case Fault::kNone:
    case Fault::kCount:
      break;
  }
  return "no fault";
}

const char* api_name(Api api) {
  static constexpr const char* kNames[] = {
      "malloc",         "calloc",   "realloc",            "reallocarray", "free",   "free_sized",
      "free_aligned_sized", "aligned_alloc", "posix_memalign", "memalign", "malloc_usable_size",
      "operator new",   "operator new[]", "operator delete", "operator delete[]", "internal", "memory access"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == static_cast<std::size_t>(Api::kCount));
  return kNames[static_cast<std::size_t>(api)];
}

}  // namespace hak
