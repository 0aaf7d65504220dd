#pragma once
// What can be wrong with what the program asks, and the record that a report is made of.
#include "base/types.h"

namespace hak {

enum class Fault : u8 {
  kNone,
#define HAK_FAULT(name, id, text, test, row) name,
#include "base/faults.def"
#undef HAK_FAULT
  kCount
};

/// The entry point that was called, for the report.
enum class Api : u8 {
  kMalloc, kCalloc, kRealloc, kReallocarray, kFree, kFreeSized, kFreeAlignedSized, kAlignedAlloc,
  kPosixMemalign, kMemalign, kUsableSize, kNew, kNewArray, kDelete, kDeleteArray, kInternal, kAccess, kCount
};

/// Stable name of the fault (`double-free`); "none" for kNone.
const char* fault_id(Fault fault);
/// One sentence for people.
const char* fault_text(Fault fault);
const char* api_name(Api api);

/// Everything the validator knew when it decided. Plain data, built on the stack of the call.
struct FaultRecord {
  Fault fault = Fault::kNone;
  Api api = Api::kFree;
  const void* ptr = nullptr;
  int size_class = -1;             ///< -1: not in a slab
  long slot = -1;                  ///< index in its slab, -1 if none
  const void* block_begin = nullptr;  ///< start of the block that contains ptr, if one does
  std::size_t usable_bytes = 0;
  std::size_t requested_bytes = 0;    ///< what the caller gave (sized free), else the recorded size
  bool has_requested = false;
  u8 header_expected = 0;
  u8 header_found = 0;
  bool has_header = false;
  u8 state = 0;                    ///< the slot-state byte as found
  u32 owner_id = 0;                ///< id of the owning thread cache, 0 if none
  const void* const* alloc_stack = nullptr;
  const void* const* free_stack = nullptr;
  u32 alloc_depth = 0;
  u32 free_depth = 0;
  const void* pc = nullptr;        ///< the instruction that was refused access, if there is one
  u32 alloc_thread = 0;
  u32 free_thread = 0;
};

}  // namespace hak
