// Every call that takes a pointer. Not folded and not paired up by the compiler: each goes through a
// noinline function in which it stands alone.
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <new>
#include <thread>

#include "wrong.h"

extern "C" {
void free_sized(void* p, size_t size);
void free_aligned_sized(void* p, size_t alignment, size_t size);
void cfree(void* p);
}

namespace misuse {
namespace {

using A = std::align_val_t;
using Size = std::size_t;

void call_free(void* p, Size, Size) { free(p); }
void call_cfree(void* p, Size, Size) { cfree(p); }
void call_realloc(void* p, Size, Size) { p = realloc(p, 3000); }
void call_realloc_zero(void* p, Size, Size) { p = realloc(p, 0); }
void call_reallocarray(void* p, Size, Size) { p = reallocarray(p, 10, 300); }
void call_usable(void* p, Size, Size) { (void)malloc_usable_size(p); }
void call_free_sized(void* p, Size n, Size) { free_sized(p, n); }
void call_free_aligned(void* p, Size n, Size a) { free_aligned_sized(p, a, n); }
void call_delete(void* p, Size, Size) { ::operator delete(p); }
void call_delete_nothrow(void* p, Size, Size) { ::operator delete(p, std::nothrow); }
void call_delete_sized(void* p, Size n, Size) { ::operator delete(p, n); }
void call_delete_aligned(void* p, Size, Size a) { ::operator delete(p, A{a}); }
void call_delete_aligned_nothrow(void* p, Size, Size a) { ::operator delete(p, A{a}, std::nothrow); }
void call_delete_sized_aligned(void* p, Size n, Size a) { ::operator delete(p, n, A{a}); }
void call_array(void* p, Size, Size) { ::operator delete[](p); }
void call_array_nothrow(void* p, Size, Size) { ::operator delete[](p, std::nothrow); }
void call_array_sized(void* p, Size n, Size) { ::operator delete[](p, n); }
void call_array_aligned(void* p, Size, Size a) { ::operator delete[](p, A{a}); }
void call_array_aligned_nothrow(void* p, Size, Size a) { ::operator delete[](p, A{a}, std::nothrow); }
void call_array_sized_aligned(void* p, Size n, Size a) { ::operator delete[](p, n, A{a}); }
void call_remote(void* p, Size, Size) { std::thread([p] { free(p); }).join(); }
void call_remote_realloc(void* p, Size, Size) { std::thread([p] { (void)!realloc(p, 3000); }).join(); }
void call_remote_delete(void* p, Size n, Size) { std::thread([=] { ::operator delete(p, n); }).join(); }

constexpr Family kMalloc = Family::kMalloc;
constexpr Family kNew = Family::kNew;
constexpr Family kArray = Family::kNewArray;

constexpr Call kCalls[] = {
    {"free", "free", kMalloc, false, false, call_free},
    {"cfree", "free", kMalloc, false, false, call_cfree},
    {"realloc", "realloc", kMalloc, false, false, call_realloc},
    {"realloc_zero", "realloc", kMalloc, false, false, call_realloc_zero},
    {"reallocarray", "reallocarray", kMalloc, false, false, call_reallocarray},
    {"malloc_usable_size", "malloc_usable_size", kMalloc, false, false, call_usable},
    {"free_sized", "free_sized", kMalloc, true, false, call_free_sized},
    {"free_aligned_sized", "free_aligned_sized", kMalloc, true, true, call_free_aligned},
    {"delete", "delete", kNew, false, false, call_delete},
    {"delete_nothrow", "delete", kNew, false, false, call_delete_nothrow},
    {"delete_sized", "delete", kNew, true, false, call_delete_sized},
    {"delete_aligned", "delete", kNew, false, true, call_delete_aligned},
    {"delete_aligned_nothrow", "delete", kNew, false, true, call_delete_aligned_nothrow},
    {"delete_sized_aligned", "delete", kNew, true, true, call_delete_sized_aligned},
    {"array", "delete[]", kArray, false, false, call_array},
    {"array_nothrow", "delete[]", kArray, false, false, call_array_nothrow},
    {"array_sized", "delete[]", kArray, true, false, call_array_sized},
    {"array_aligned", "delete[]", kArray, false, true, call_array_aligned},
    {"array_aligned_nothrow", "delete[]", kArray, false, true, call_array_aligned_nothrow},
    {"array_sized_aligned", "delete[]", kArray, true, true, call_array_sized_aligned},
    {"remote_free", "free", kMalloc, false, false, call_remote},
    {"remote_realloc", "realloc", kMalloc, false, false, call_remote_realloc},
    {"remote_delete", "delete", kNew, true, false, call_remote_delete},
};

}  // namespace

const Call* find_call(const char* name) {
  for (const Call& call : kCalls)
    if (strcmp(call.name, name) == 0) return &call;
  return nullptr;
}

void* allocate(Family family, std::size_t size) {
  switch (family) {
    case Family::kNew: return ::operator new(size);
    case Family::kNewArray: return ::operator new[](size);
    case Family::kMalloc: break;
  }
  return malloc(size);
}

void release(Family family, void* p) {
  switch (family) {
    case Family::kNew: ::operator delete(p); return;
    case Family::kNewArray: ::operator delete[](p); return;
    case Family::kMalloc: free(p); return;
  }
}

}  // namespace misuse
