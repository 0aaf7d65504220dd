#pragma once
// HAKMEM_FORCE_LIBC: the same binary on libc's allocator, so that effects of code layout can be told
// from effects of the allocator.
#include "front/table.h"

namespace hak {
extern const EntryTable kLibcTable;
}  // namespace hak
