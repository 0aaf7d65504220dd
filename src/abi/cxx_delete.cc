// The replaceable forms of operator delete (C++20 [new.delete]). Compiled without exceptions, unlike
// cxx_abi.cc: the calls of cold paths are jumps then, and the hit saves no registers.
#include <new>

#include "abi/process.h"

using namespace hak;

namespace {

FAST_PATH void release(void* p, Api api) { Hot::release(g_heap, t_cache, p, api); }

FAST_PATH void release_sized(void* p, std::size_t bytes, std::size_t alignment, Api api) {
  process_release_sized(p, bytes, alignment, api);
}

}  // namespace

HAK_EXPORT void operator delete(void* p) noexcept { release(p, Api::kDelete); }
HAK_EXPORT void operator delete[](void* p) noexcept { release(p, Api::kDeleteArray); }
HAK_EXPORT void operator delete(void* p, const std::nothrow_t&) noexcept { release(p, Api::kDelete); }
HAK_EXPORT void operator delete[](void* p, const std::nothrow_t&) noexcept { release(p, Api::kDeleteArray); }
HAK_EXPORT void operator delete(void* p, std::size_t n) noexcept { release_sized(p, n, 0, Api::kDelete); }
HAK_EXPORT void operator delete[](void* p, std::size_t n) noexcept {
  release_sized(p, n, 0, Api::kDeleteArray);
}
HAK_EXPORT void operator delete(void* p, std::align_val_t) noexcept { release(p, Api::kDelete); }
HAK_EXPORT void operator delete[](void* p, std::align_val_t) noexcept { release(p, Api::kDeleteArray); }
HAK_EXPORT void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept {
  release(p, Api::kDelete);
}
HAK_EXPORT void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept {
  release(p, Api::kDeleteArray);
}
HAK_EXPORT void operator delete(void* p, std::size_t n, std::align_val_t a) noexcept {
  release_sized(p, n, static_cast<std::size_t>(a), Api::kDelete);
}
HAK_EXPORT void operator delete[](void* p, std::size_t n, std::align_val_t a) noexcept {
  release_sized(p, n, static_cast<std::size_t>(a), Api::kDeleteArray);
}
