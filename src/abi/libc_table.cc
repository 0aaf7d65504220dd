#include "abi/libc_table.h"

#include <dlfcn.h>

extern "C" {
[[gnu::weak]] void* __libc_malloc(std::size_t);
[[gnu::weak]] void __libc_free(void*);
[[gnu::weak]] void* __libc_calloc(std::size_t, std::size_t);
[[gnu::weak]] void* __libc_realloc(void*, std::size_t);
[[gnu::weak]] void* __libc_memalign(std::size_t, std::size_t);
}

namespace hak {
namespace {

void* libc_allocate(HeapCore&, ThreadCache*, std::size_t bytes, Api) { return __libc_malloc(bytes); }
void libc_release(HeapCore&, ThreadCache*, void* p, Api) { __libc_free(p); }
void* libc_calloc(HeapCore&, ThreadCache*, std::size_t count, std::size_t size, Api) {
  return __libc_calloc(count, size);
}
void* libc_aligned(HeapCore&, ThreadCache*, std::size_t alignment, std::size_t bytes, Api) {
  return __libc_memalign(alignment, bytes);
}
void* libc_reallocate(HeapCore&, ThreadCache*, void* p, std::size_t bytes, Api) {
  return __libc_realloc(p, bytes);
}
void libc_release_sized(HeapCore&, ThreadCache*, void* p, std::size_t, std::size_t, Api) {
  __libc_free(p);
}
std::size_t usable_in_libc(void* p) {
  if (!p) return 0;
  // libc exports no second name for this one; the next definition behind ours is its own.
  using Usable = std::size_t (*)(void*);
  const auto usable = reinterpret_cast<Usable>(dlsym(RTLD_NEXT, "malloc_usable_size"));
  return usable ? usable(p) : 0;
}
std::size_t libc_usable(HeapCore&, void* p, Api) { return usable_in_libc(p); }

}  // namespace

constinit const EntryTable kLibcTable = {libc_allocate,   libc_release,       libc_calloc,
                                         libc_aligned,    libc_reallocate,    libc_release_sized,
                                         libc_usable};

constinit const ForeignCalls kForeignToLibc = {__libc_free, __libc_realloc, usable_in_libc};
constinit const ForeignCalls kForeignIgnored = {
    [](void*) {}, [](void*, std::size_t) { return out_of_memory(); },
    [](void*) { return std::size_t{0}; }};

}  // namespace hak
