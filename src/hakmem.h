/* hakmem: a hardened malloc. Public interface beside the C ABI of malloc itself.
 *
 * Every function here may be called from any thread. None is async-signal-safe. A process that runs
 * without hakmem can test for it with a weak reference to hakmem_build_info.
 */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HAKMEM_VERSION_MAJOR 0
#define HAKMEM_VERSION_MINOR 1
#define HAKMEM_VERSION_PATCH 0

/* One line: version, build, compiled policies, state of the evidence. Static storage. */
const char* hakmem_build_info(void);

/* Current value of an option by its name (HAKMEM_...), as text in `buffer`. 0, or EINVAL for an
 * unknown name, ERANGE if the buffer is too small. */
int hakmem_option_get(const char* name, char* buffer, size_t size);

/* Changes an option. 0; EINVAL for an unknown name or a value that is not accepted; EPERM for one
 * that is read at start only. Threads take the new value at their next operation's gate or, in the
 * default build, at their next refill. */
int hakmem_option_set(const char* name, const char* value);

/* Calls visit for every option with its name, value, accepted values and description. */
void hakmem_option_each(void (*visit)(const char* name, const char* value, const char* accepted,
                                      const char* description, void* context),
                        void* context);

struct hakmem_stats {
  size_t reserved_bytes;     /* address space of the arena */
  size_t committed_bytes;    /* made accessible so far */
  size_t slab_bytes;         /* spans of slabs */
  size_t large_bytes;        /* spans of large blocks */
  size_t free_dirty_bytes;   /* free spans whose pages may still be resident */
  size_t free_clean_bytes;   /* free spans given back */
  size_t live_blocks;        /* blocks the program holds */
  size_t live_bytes;         /* their usable bytes */
  size_t cached_blocks;      /* free slots in the threads' magazines */
  size_t remote_blocks;      /* freed by other threads, not collected yet */
  size_t slab_free_blocks;   /* free slots in the slabs */
  size_t threads;            /* thread caches in use */
  uint64_t mallocs, frees;   /* counted as HAKMEM_STATS says: exact, sampled, or 0 */
  uint64_t refills, flushes, exchanges, remote_frees;
  uint64_t purge_calls;
};
/* Fills *out. Exact when no other thread uses the heap, else close. */
void hakmem_stats_get(struct hakmem_stats* out);

/* Calls visit for every live block. The heap must not be changed from visit. Blocks that other
 * threads allocate or free meanwhile may be seen or not. */
void hakmem_walk(void (*visit)(void* block, size_t usable_bytes, void* context), void* context);

/* Checks every invariant of the heap. NULL if all hold, else the name of one that does not. Other
 * threads must not use the heap meanwhile. */
const char* hakmem_verify(void);

/* Gives back what can be given back now: this thread's magazines, empty slabs of all threads, free
 * spans. 1 if any memory was returned to the system, else 0. */
int hakmem_purge(void);

/* Writes the live blocks by allocation stack to the descriptor, in the text form of a heap profile
 * that pprof reads. 0; ENOTSUP where no stacks are kept (they are in the Debug build, and in every
 * other one that was started with HAKMEM_HEAP_PROFILE). */
int hakmem_heap_profile(int fd);

#ifdef __cplusplus
}
#endif
#endif
