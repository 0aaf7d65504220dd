#pragma once
// What the command hands to the program that replays: a trace made into a list in which blocks are
// numbers, so that replaying does not look anything up.
#include "base/types.h"

namespace hak::replay {

enum class Op : u8 {
  kAllocate,
  kCalloc,
  kAligned,
  kRealloc,     ///< block: the one given; the next entry, kResult, names the new one
  kResult,
  kFree,
  kFreeSized,
  kUsable,
  kThreadExit,
  kPurge,
};

/// The address is not a block's: `place` is what to pass, relative to the base of the arena if kInArena.
inline constexpr u8 kRaw = 1;
inline constexpr u8 kInArena = 2;

struct Entry {
  u32 block;
  Op op;
  u8 api;          ///< hak::Api
  u8 align_shift;
  u8 flags;
  u64 size;
  u64 place;       ///< address relative to the base: to compare with, or to pass where kRaw
};
static_assert(sizeof(Entry) == 24);

/// A run of entries of one thread. They take turns in this order.
struct Turn {
  u32 thread;  ///< from 0, which is the program's first
  u32 last;    ///< 1: the thread ends with it
  u64 begin, end;
};

struct Plan {
  u64 entries, turns, threads, blocks;  ///< how many; entries and then turns follow
};

/// What the program that replays says of its run, in a file that both map: it outlives an abort.
struct Answer {
  u64 ready;       ///< 1: the run began
  u64 done;        ///< entries begun
  u64 mismatches;  ///< results at another place than recorded
  u64 first_mismatch;
  u64 base;        ///< of the arena; 0 if the allocator is not hakmem
  u64 nanoseconds;
  u64 peak_kib;
};

}  // namespace hak::replay
