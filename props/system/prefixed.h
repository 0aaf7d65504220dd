#pragma once
// The C and C++ entry points of libhakmem.a under names of their own, so that a test can hold the whole
// process heap beside the C library's malloc. system/prefixed.syms renames the symbols.
#include <malloc.h>

#include <cstddef>
#include <cstdio>

extern "C" {
void* hk_malloc(std::size_t bytes);
void* hk_calloc(std::size_t count, std::size_t size);
void* hk_realloc(void* p, std::size_t bytes);
void* hk_reallocarray(void* p, std::size_t count, std::size_t size);
void* hk_aligned_alloc(std::size_t alignment, std::size_t bytes);
int hk_posix_memalign(void** out, std::size_t alignment, std::size_t bytes);
void* hk_memalign(std::size_t alignment, std::size_t bytes);
void* hk_valloc(std::size_t bytes);
void* hk_pvalloc(std::size_t bytes);
std::size_t hk_malloc_usable_size(void* p);
void hk_free(void* p);
void hk_cfree(void* p);
void hk_free_sized(void* p, std::size_t bytes);
void hk_free_aligned_sized(void* p, std::size_t alignment, std::size_t bytes);
int hk_malloc_trim(std::size_t pad);
int hk_mallopt(int parameter, int value);
struct mallinfo hk_mallinfo();
struct mallinfo2 hk_mallinfo2();
int hk_malloc_info(int options, FILE* stream);
void hk_malloc_stats();

void* hk_new_throwing(std::size_t bytes);
void* hk_new_array_throwing(std::size_t bytes);
void* hk_new_aligned_throwing(std::size_t bytes, std::size_t alignment);
void* hk_new_array_aligned_throwing(std::size_t bytes, std::size_t alignment);
void* hk_new_aligned(std::size_t bytes, std::size_t alignment, const void* nothrow);
void* hk_new_array_aligned(std::size_t bytes, std::size_t alignment, const void* nothrow);
void* hk_new(std::size_t bytes, const void* nothrow);
void* hk_new_array(std::size_t bytes, const void* nothrow);
void hk_delete(void* p);
void hk_delete_array(void* p);
void hk_delete_nothrow(void* p, const void* nothrow);
void hk_delete_array_nothrow(void* p, const void* nothrow);
void hk_delete_aligned(void* p, std::size_t alignment);
void hk_delete_array_aligned(void* p, std::size_t alignment);
void hk_delete_aligned_nothrow(void* p, std::size_t alignment, const void* nothrow);
void hk_delete_array_aligned_nothrow(void* p, std::size_t alignment, const void* nothrow);
void hk_delete_sized(void* p, std::size_t bytes);
void hk_delete_array_sized(void* p, std::size_t bytes);
void hk_delete_sized_aligned(void* p, std::size_t bytes, std::size_t alignment);
void hk_delete_array_sized_aligned(void* p, std::size_t bytes, std::size_t alignment);
}
