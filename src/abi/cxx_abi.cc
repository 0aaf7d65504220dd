// The replaceable forms of operator new (C++20 [new.delete]); those of delete are in cxx_delete.cc.
//
// The library does not link the C++ runtime: a C program that preloads it must not need one. What it
// takes of the runtime is weak, and there in every process that can call these functions.
#include <dlfcn.h>
#include <stdlib.h>

#include <new>

#include "abi/process.h"
#include "abi/replaced.h"

asm(".weak __gxx_personality_v0\n.weak __cxa_begin_catch\n.weak __cxa_end_catch\n"
    ".weak _Unwind_Resume\n.weak _ZSt15get_new_handlerv\n.weak _ZSt17__throw_bad_allocv\n"
    ".weak _ZSt9terminatev\n.weak __cxa_call_terminate\n");

extern "C" std::new_handler _ZSt15get_new_handlerv() noexcept;
extern "C" [[noreturn]] void _ZSt17__throw_bad_allocv();

using namespace hak;

namespace {

/// A runtime that came by dlopen was not there when the weak references were bound.
template <typename Function>
Function* runtime(Function* bound, const char* name) {
  return bound ? bound : reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

/// [new.delete.single]/4: the handler is called until memory is there or it throws or there is none.
/// `Allocate` is called again after each. Null if there is no handler.
template <typename Allocate>
HAK_NOINLINE void* ask_handler(Allocate allocate) {
  auto* current = runtime(&_ZSt15get_new_handlerv, "_ZSt15get_new_handlerv");
  while (current) {
    std::new_handler handler = current();
    if (!handler) return nullptr;
    handler();
    if (void* p = allocate()) return p;
  }
  return nullptr;
}

[[noreturn]] void no_memory() {
  if (auto* thrower = runtime(&_ZSt17__throw_bad_allocv, "_ZSt17__throw_bad_allocv")) thrower();
  abort();
}

FAST_PATH void* allocate(std::size_t bytes, Api api) { return Hot::allocate(g_heap, t_cache, bytes, api); }

FAST_PATH void* allocate_aligned(std::size_t bytes, std::align_val_t align, Api api) {
  const auto alignment = static_cast<std::size_t>(align);
  if (bytes > kMaxRequestBytes || alignment > kMaxRequestBytes) return out_of_memory();
  if (HAK_LIKELY(t_cache->heap != nullptr))
    return Hot::allocate_aligned(g_heap, t_cache, alignment, bytes, api);
  const Entry entry = process_entry();
  return entry.table->allocate_aligned(g_heap, entry.cache, alignment, bytes, api);
}

HAK_NOINLINE void* retry(std::size_t bytes, Api api) {
  void* p = ask_handler([=] { return allocate(bytes, api); });
  if (!p) no_memory();
  return p;
}

HAK_NOINLINE void* retry_aligned(std::size_t bytes, std::align_val_t align, Api api) {
  void* p = ask_handler([=] { return allocate_aligned(bytes, align, api); });
  if (!p) no_memory();
  return p;
}

template <Api A>
FAST_PATH void* throwing(std::size_t bytes) {
  void* p = allocate(bytes, A);
  return HAK_LIKELY(p != nullptr) ? p : retry(bytes, A);
}

template <Api A>
FAST_PATH void* throwing(std::size_t bytes, std::align_val_t align) {
  void* p = allocate_aligned(bytes, align, A);
  return HAK_LIKELY(p != nullptr) ? p : retry_aligned(bytes, align, A);
}

/// The nothrow forms call the throwing ones' loop and turn its exception into null: the handler may
/// throw bad_alloc by design.
template <Api A>
FAST_PATH void* quiet(std::size_t bytes) noexcept {
  if (void* p = allocate(bytes, A); HAK_LIKELY(p != nullptr)) return p;
  try {
    return ask_handler([=] { return allocate(bytes, A); });
  } catch (...) {
    return nullptr;
  }
}

template <Api A>
FAST_PATH void* quiet(std::size_t bytes, std::align_val_t align) noexcept {
  if (void* p = allocate_aligned(bytes, align, A); HAK_LIKELY(p != nullptr)) return p;
  try {
    return ask_handler([=] { return allocate_aligned(bytes, align, A); });
  } catch (...) {
    return nullptr;
  }
}

/// What a replaced form throws, as null.
template <typename Allocate>
HAK_NOINLINE void* caught(Allocate allocate) noexcept {
  try {
    return allocate();
  } catch (...) {
    return nullptr;
  }
}

}  // namespace

// The names of replaced.h.
extern "C" {
#define HAK_OWN(name, mangled, ...)                                            \
  __attribute__((alias(mangled), visibility("hidden"), malloc, alloc_size(1))) \
  void* name(std::size_t __VA_OPT__(, ) __VA_ARGS__)
HAK_OWN(hak_own_new, "_Znwm");
HAK_OWN(hak_own_new_array, "_Znam");
HAK_OWN(hak_own_new_aligned, "_ZnwmSt11align_val_t", std::align_val_t);
HAK_OWN(hak_own_new_array_aligned, "_ZnamSt11align_val_t", std::align_val_t);
#undef HAK_OWN
}

HAK_EXPORT void* operator new(std::size_t n) { return throwing<Api::kNew>(n); }
HAK_EXPORT void* operator new[](std::size_t n) {
  if (auto* other = other_new(hak_own_new, single_replaced())) return other(n);
  return throwing<Api::kNewArray>(n);
}
HAK_EXPORT void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  if (auto* other = other_new(hak_own_new)) return caught([=] { return other(n); });
  return quiet<Api::kNew>(n);
}
HAK_EXPORT void* operator new[](std::size_t n, const std::nothrow_t&) noexcept {
  if (auto* other = other_new_array(hak_own_new_array, single_replaced())) return caught([=] { return other(n); });
  return quiet<Api::kNewArray>(n);
}
HAK_EXPORT void* operator new(std::size_t n, std::align_val_t a) { return throwing<Api::kNew>(n, a); }
HAK_EXPORT void* operator new[](std::size_t n, std::align_val_t a) {
  if (auto* other = other_new(hak_own_new_aligned, single_aligned_replaced())) return other(n, a);
  return throwing<Api::kNewArray>(n, a);
}
HAK_EXPORT void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  if (auto* other = other_new(hak_own_new_aligned)) return caught([=] { return other(n, a); });
  return quiet<Api::kNew>(n, a);
}
HAK_EXPORT void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  if (auto* other = other_new_array(hak_own_new_array_aligned, single_aligned_replaced()))
    return caught([=] { return other(n, a); });
  return quiet<Api::kNewArray>(n, a);
}
