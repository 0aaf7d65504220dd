#pragma once
// A trace: the heap operations of one process in a file. Written by abi/trace.cc, read by the command
// and by the program that replays it.
//
//   header page | chunk | chunk | ...      a chunk is one thread's: head, then records, then zeros
//
// Every record carries the low 32 bits of a count over the whole process; the chunk's head carries all
// of the first one, so chunks merge into one order. An operation that frees takes its number before it
// frees, one that allocates after it has the block: in this order no address is handed out twice.
#include "base/types.h"

namespace hak {

inline constexpr char kTraceMagic[8] = {'h', 'a', 'k', 'm', 'e', 'm', 'T', '1'};
inline constexpr u32 kTraceHeaderBytes = 4096;
inline constexpr u32 kTraceChunkBytes = 64 * 1024;

enum class TraceOp : u8 {
  kNone,          ///< nothing was written here
  kAllocate,      ///< malloc, new and the like: size, result
  kCalloc,        ///< size is the product, or SIZE_MAX where it overflows
  kAligned,       ///< and alignment
  kReallocBegin,  ///< size, the block given; before anything is done
  kReallocEnd,    ///< size, the result
  kFree,          ///< the pointer given
  kFreeSized,     ///< and size, alignment or 0
  kUsable,        ///< malloc_usable_size of the pointer given
  kFault,         ///< a report was written; size is the fault, address the pointer
  kThreadExit,    ///< the thread gave its cache up
  kPurge,         ///< malloc_trim or hakmem_purge is about to begin
  kCount
};

struct TraceRecord {
  u32 order;       ///< low half of the count
  TraceOp op;      ///< written last
  u8 api;          ///< hak::Api
  u8 align_shift;  ///< log2 of the alignment; 0: none
  u8 padding;
  u64 size;
  u64 address;
};
static_assert(sizeof(TraceRecord) == 24);

struct TraceChunk {
  u32 thread;      ///< numbered from 1 in the order in which threads first call
  u32 thread_id;   ///< the kernel's
  u64 first_order; ///< of the first record
  u64 padding;
};
static_assert(sizeof(TraceChunk) == sizeof(TraceRecord));

struct TraceHeader {
  char magic[8];
  u32 header_bytes, chunk_bytes, record_bytes, text_bytes;
  u32 process, padding;
  u64 seed;
  u64 base;            ///< of the arena; addresses are compared relative to it
  u64 reserved_bytes;
  char text[4000];     ///< lines NAME=VALUE: build, command and every option
};
static_assert(sizeof(TraceHeader) <= kTraceHeaderBytes);

}  // namespace hak
