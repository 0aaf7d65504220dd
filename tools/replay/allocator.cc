#include "allocator.h"

#include <dlfcn.h>

extern "C" {
void* __libc_malloc(std::size_t);
void __libc_free(void*);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace hak::replay {
namespace {

constexpr NoThrow kNoThrow;

template <typename Function>
bool find(void* library, const char* name, Function* to) {
  *to = reinterpret_cast<Function>(dlsym(library, name));
  return *to != nullptr;
}

unsigned array_form(Api api) { return api == Api::kNewArray || api == Api::kDeleteArray; }
bool is_new(Api api) { return api == Api::kNew || api == Api::kNewArray; }
bool is_delete(Api api) { return api == Api::kDelete || api == Api::kDeleteArray; }

void load_libc(Allocator* to) {
  to->allocate = __libc_malloc;
  to->release = __libc_free;
  to->zeroed = __libc_calloc;
  to->resize = __libc_realloc;
  to->memory_aligned = __libc_memalign;
  to->aligned = __libc_memalign;
  // The next definition behind the executable's own is libc's.
  find(RTLD_NEXT, "malloc_usable_size", &to->usable);
  find(RTLD_NEXT, "malloc_trim", &to->trim);
}

void load_cxx(void* library, Allocator* to) {
  find(library, "_ZnwmRKSt9nothrow_t", &to->make[0]);
  find(library, "_ZnamRKSt9nothrow_t", &to->make[1]);
  find(library, "_ZnwmSt11align_val_tRKSt9nothrow_t", &to->make_aligned[0]);
  find(library, "_ZnamSt11align_val_tRKSt9nothrow_t", &to->make_aligned[1]);
  find(library, "_ZdlPv", &to->drop[0]);
  find(library, "_ZdaPv", &to->drop[1]);
  find(library, "_ZdlPvm", &to->drop_sized[0]);
  find(library, "_ZdaPvm", &to->drop_sized[1]);
  find(library, "_ZdlPvmSt11align_val_t", &to->drop_aligned[0]);
  find(library, "_ZdaPvmSt11align_val_t", &to->drop_aligned[1]);
  // All of them or none: a block of `new` must not meet another allocator's delete.
  const bool whole = to->make[0] && to->make[1] && to->make_aligned[0] && to->make_aligned[1] && to->drop[0] &&
                     to->drop[1] && to->drop_sized[0] && to->drop_sized[1] && to->drop_aligned[0] &&
                     to->drop_aligned[1];
  if (!whole) to->make[0] = nullptr;
}

}  // namespace

bool load_allocator(const char* name, Allocator* to, const char** what) {
  *to = {};
  if (name[0] == '-' && !name[1]) {
    load_libc(to);
    return true;
  }
  *what = name;
  void* library = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
  if (!library) library = dlopen(name, RTLD_NOW);
  if (!library) return false;
  const bool whole = find(library, *what = "malloc", &to->allocate) && find(library, *what = "free", &to->release) &&
                     find(library, *what = "calloc", &to->zeroed) && find(library, *what = "realloc", &to->resize) &&
                     find(library, *what = "posix_memalign", &to->posix_aligned);
  if (!whole) return false;
  find(library, "aligned_alloc", &to->aligned);
  find(library, "memalign", &to->memory_aligned);
  find(library, "malloc_usable_size", &to->usable);
  find(library, "malloc_trim", &to->trim);
  find(library, "free_sized", &to->release_sized);
  find(library, "free_aligned_sized", &to->release_aligned_sized);
  load_cxx(library, to);
  find(library, "hakmem_layout", &to->layout);
  return true;
}

void* allocate(const Allocator& from, Api api, std::size_t bytes) {
  if (is_new(api) && from.make[0]) return from.make[array_form(api)](bytes, kNoThrow);
  if (api == Api::kRealloc || api == Api::kReallocarray) return from.resize(nullptr, bytes);
  return from.allocate(bytes);
}

void* allocate_aligned(const Allocator& from, Api api, std::size_t alignment, std::size_t bytes) {
  if (is_new(api) && from.make[0]) return from.make_aligned[array_form(api)](bytes, alignment, kNoThrow);
  if (api == Api::kMemalign && from.memory_aligned) return from.memory_aligned(alignment, bytes);
  if (api == Api::kAlignedAlloc && from.aligned) return from.aligned(alignment, bytes);
  if (!from.posix_aligned) return from.memory_aligned(alignment, bytes);
  void* p = nullptr;
  const std::size_t least = alignment < sizeof(void*) ? sizeof(void*) : alignment;
  return from.posix_aligned(&p, least, bytes) == 0 ? p : nullptr;
}

void* reallocate(const Allocator& from, void* p, std::size_t bytes) { return from.resize(p, bytes); }

void release(const Allocator& from, Api api, void* p) {
  if (is_delete(api) && from.make[0]) return from.drop[array_form(api)](p);
  if (api == Api::kRealloc || api == Api::kReallocarray) {
    from.resize(p, 0);
    return;
  }
  from.release(p);
}

void release_sized(const Allocator& from, Api api, void* p, std::size_t bytes, std::size_t alignment) {
  if (is_delete(api) && from.make[0]) {
    if (alignment) return from.drop_aligned[array_form(api)](p, bytes, alignment);
    return from.drop_sized[array_form(api)](p, bytes);
  }
  if (alignment && from.release_aligned_sized) return from.release_aligned_sized(p, alignment, bytes);
  if (!alignment && from.release_sized) return from.release_sized(p, bytes);
  from.release(p);
}

}  // namespace hak::replay
