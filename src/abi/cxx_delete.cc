// The replaceable forms of operator delete (C++20 [new.delete]). Compiled without exceptions, unlike
// cxx_abi.cc: the calls of cold paths are jumps then, and the hit saves no registers.
#include <new>

#include "abi/process.h"
#include "abi/replaced.h"

using namespace hak;

namespace {

FAST_PATH void release(void* p, Api api) { Hot::release(g_heap, t_cache, p, api); }

}  // namespace

// The names of replaced.h.
extern "C" {
#define HAK_OWN(name, mangled, ...) \
  __attribute__((alias(mangled), visibility("hidden"))) void name(void* __VA_OPT__(, ) __VA_ARGS__) noexcept
HAK_OWN(hak_own_delete, "_ZdlPv");
HAK_OWN(hak_own_delete_array, "_ZdaPv");
HAK_OWN(hak_own_delete_aligned, "_ZdlPvSt11align_val_t", std::align_val_t);
HAK_OWN(hak_own_delete_array_aligned, "_ZdaPvSt11align_val_t", std::align_val_t);
#undef HAK_OWN
}

HAK_EXPORT void operator delete(void* p) noexcept { release(p, Api::kDelete); }
HAK_EXPORT void operator delete[](void* p) noexcept {
  if (auto* other = other_delete(hak_own_delete, single_replaced())) return other(p);
  release(p, Api::kDeleteArray);
}
HAK_EXPORT void operator delete(void* p, const std::nothrow_t&) noexcept {
  if (auto* other = other_delete(hak_own_delete)) return other(p);
  release(p, Api::kDelete);
}
HAK_EXPORT void operator delete[](void* p, const std::nothrow_t&) noexcept {
  if (auto* other = other_delete_array(hak_own_delete_array, single_replaced())) return other(p);
  release(p, Api::kDeleteArray);
}
HAK_EXPORT void operator delete(void* p, std::size_t n) noexcept {
  if (auto* other = other_delete(hak_own_delete)) return other(p);
  process_release_sized(p, n, 0, Api::kDelete);
}
HAK_EXPORT void operator delete[](void* p, std::size_t n) noexcept {
  if (auto* other = other_delete_array(hak_own_delete_array, single_replaced())) return other(p);
  process_release_sized(p, n, 0, Api::kDeleteArray);
}
HAK_EXPORT void operator delete(void* p, std::align_val_t) noexcept { release(p, Api::kDelete); }
HAK_EXPORT void operator delete[](void* p, std::align_val_t a) noexcept {
  if (auto* other = other_delete(hak_own_delete_aligned, single_aligned_replaced())) return other(p, a);
  release(p, Api::kDeleteArray);
}
HAK_EXPORT void operator delete(void* p, std::align_val_t a, const std::nothrow_t&) noexcept {
  if (auto* other = other_delete(hak_own_delete_aligned)) return other(p, a);
  release(p, Api::kDelete);
}
HAK_EXPORT void operator delete[](void* p, std::align_val_t a, const std::nothrow_t&) noexcept {
  if (auto* other = other_delete_array(hak_own_delete_array_aligned, single_aligned_replaced())) return other(p, a);
  release(p, Api::kDeleteArray);
}
HAK_EXPORT void operator delete(void* p, std::size_t n, std::align_val_t a) noexcept {
  if (auto* other = other_delete(hak_own_delete_aligned)) return other(p, a);
  process_release_sized(p, n, static_cast<std::size_t>(a), Api::kDelete);
}
HAK_EXPORT void operator delete[](void* p, std::size_t n, std::align_val_t a) noexcept {
  if (auto* other = other_delete_array(hak_own_delete_array_aligned, single_aligned_replaced())) return other(p, a);
  process_release_sized(p, n, static_cast<std::size_t>(a), Api::kDeleteArray);
}
