#pragma once
// HAKMEM_FORCE_LIBC: the same binary on libc's allocator, so that effects of code layout can be told
// from effects of the allocator.
#include "front/table.h"

namespace hak {
extern const EntryTable kLibcTable;
/// Hands foreign pointers to libc, and drops them: nothing is freed, realloc fails with ENOMEM.
extern const ForeignCalls kForeignToLibc;
extern const ForeignCalls kForeignIgnored;

}  // namespace hak
