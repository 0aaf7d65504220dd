/* The heap under test: libhakmem.so itself, or the archive under names of its own where a sanitizer has
 * taken malloc. The compiler knows what malloc does and must not use it. */
#pragma once
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAKMEM_PREFIXED
void* hk_malloc(size_t bytes);
void* hk_calloc(size_t count, size_t size);
void* hk_realloc(void* p, size_t bytes);
void* hk_aligned_alloc(size_t alignment, size_t bytes);
size_t hk_malloc_usable_size(void* p);
void hk_free(void* p);
#define malloc hk_malloc
#define calloc hk_calloc
#define realloc hk_realloc
#define aligned_alloc hk_aligned_alloc
#define malloc_usable_size hk_malloc_usable_size
#define free hk_free
#else
#include <malloc.h>
#endif

/* Where a program would go on with the value. */
extern volatile int g_used;
volatile int g_used;
