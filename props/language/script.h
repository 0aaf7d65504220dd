#pragma once
// A program of the heap language: what every engine generates, runs and stores.
//
// Operations work on a few slots (variables that hold a block) and a few threads (contexts that take
// turns; no two run at once). An allocation into a slot that holds a block frees that block first.
// An operation whose subject is missing (free of an empty slot) is the C call on a null pointer where
// that is legal, else it does nothing.
#include <string>
#include <vector>

#include "base/options.h"

namespace hak::props {

/// The newest version. A script that uses nothing new is written as version 1.
inline constexpr unsigned kLanguageVersion = 2;
inline constexpr unsigned kSlotCount = 32;
inline constexpr unsigned kContextCount = 4;
inline constexpr std::size_t kMaxOps = 4096;

enum class OpKind : u8 {
#define HAK_OP(id, name, form, weight, weight2) id,
#include "language/ops.def"
#undef HAK_OP
  kCount
};
inline constexpr unsigned kOpKinds = static_cast<unsigned>(OpKind::kCount);

/// Which operands an operation has; the letters are explained in ops.def.
enum class Form : u8 {
  N, T, A, TS, SA, XA, TSA, TSW, TXW, TWA, TSAB, TSWA,
  X, XV, XT, XTS, XAB, XTSA, XTSAB, AB, TA
};

/// The entry point that a misuse goes through.
enum class Via : u8 { kFree, kRealloc, kUsable, kFreeSized, kFreeAligned, kCount };
/// Where a foreign pointer points.
enum class Place : u8 {
  kStack, kGlobal, kMapping, kLibcHeap, kNullPlus16, kNonCanonical, kMinusOne, kBelowArena,
  kAboveArena, kCount
};
/// A call of the operating system seam that can be made to fail.
enum class OsCall : u8 { kReserve, kCommit, kPurge, kGuard, kUnguard, kMove, kCount };
/// An option that a script may change while it runs.
enum class Tunable : u8 { kLaneMask, kPurgeDelay, kCount };

// ---- version 2: what only a whole process has; other systems leave these operations out ----

/// What a process is started with: a variable and its value, or what it is started without. Wherever
/// it stands in the script, it holds from the start.
enum class Variable : u8 {
  kProfile, kDirect, kEnvCtx, kStats, kTrustedHeader, kRouteMap, kLaneMask, kRouteMask, kForceLibc, kSeed,
  kRandomOrder, kGuards, kZeroMaxBytes, kTrailingCheck, kGuardSample, kGuardSlots, kSegvReport, kQuarantine,
  kForeign, kConfigLock, kPurgeDelay, kArenaGib, kReport, kTrace, kHeapProfile, kStatsFile,
  kNoEnviron,  ///< `environ` is null when the heap starts: it reads /proc/self/environ
  kNoMemory,   ///< the kernel gives no address space
  kAddressLimit,  ///< little of it: RLIMIT_AS is low until the heap has started
  kCount
};
enum class NewForm : u8 {
  kNew, kNewArray, kNothrow, kNothrowArray, kAligned, kAlignedArray, kAlignedNothrow, kAlignedNothrowArray, kCount
};
enum class DeleteForm : u8 { kPlain, kNothrow, kSized, kAligned, kAlignedNothrow, kSizedAligned, kCount };
/// What the new_handler does from now on: none is set; it throws; it takes itself away in its `a`th
/// call; or the kernel refuses memory until then.
enum class Handler : u8 { kNone, kThrow, kGiveUp, kLift, kCount };
enum class PageForm : u8 { kValloc, kPvalloc, kCount };
/// Calls that ask what the heap holds, is set to, or can give back.
enum class Question : u8 {
  kStatistics, kMallinfo, kMallinfo2, kMallocInfo, kMallocStats, kWalk, kVerify, kOptions, kBuildInfo,
  kHeapProfile, kTrim, kPurge,
  kCloseDescriptors,  ///< none, but what a daemon does that closes descriptors it did not open
  kCount
};
/// The lock that somebody else holds when the next call is made, and gives up a little later.
enum class Stall : u8 { kArena, kLarge, kRegistry, kCount };
/// HAKMEM_ON_FAULT of the child that makes the next misuse.
enum class Ending : u8 { kContinue, kAbort, kTrap, kCount };
/// Where a child reads a byte: beside a block, in a freed one, in the unused arena, outside of it, behind
/// the last slot of a slab; or
/// it is sent the signal, or gives a slot back whose bit is set already.
enum class Access : u8 { kBefore, kBehind, kFreed, kUnused, kOutside, kSent, kBitmap, kSlabEnd, kCount };
/// What is wrong with the heap's own account of the block or its span while verify looks.
enum class Broken : u8 {
  kHeader, kLastHeader, kStateKey, kStateFree, kStateRemote, kBitmap, kFreeCount, kCarved, kStateInside, kSpanUnits,
  kSpanLost, kCachedLive, kCachedTwice, kCachedTaken, kCount
};

struct Op {
  OpKind kind = OpKind::kVerify;
  u8 thread = 0;
  u8 slot = 0;
  u8 word = 0;  ///< Via; or the word of the operation's own list, where it has no Via
  u8 place = 0; ///< Place, for `foreign`
  u64 a = 0;
  u64 b = 0;
  bool operator==(const Op&) const = default;
};

struct Script {
  Profile profile = Profile::kHardened;
  bool guards = true;
  bool light_guards = true;  ///< the kernel has guards that cost no mapping
  u64 seed = 1;
  u8 route_mask = 255;
  u8 lane_mask = 255;
  std::vector<Op> ops;
  bool operator==(const Script&) const = default;
};

const char* op_name(OpKind kind);
Form op_form(OpKind kind);
bool is_misuse(OpKind kind);
/// Whether the operation is of version 2.
bool is_new(OpKind kind);
/// The version a script is written as: 1 unless an operation needs 2.
unsigned script_version(const Script& script);
/// How many words the X operand of the operation can be; 0 if it has none.
unsigned own_words(OpKind kind);
const char* variable_name(Variable variable);
unsigned value_count();
const char* value_word(u64 index);

// ---- binary form: total, every byte string is a script ----

inline constexpr std::size_t kHeaderBytes = 4;
inline constexpr std::size_t kOpBytes = 5;

/// Reads a script. A trailing part of an operation is ignored; so is what follows kMaxOps.
void decode_binary(const u8* data, std::size_t size, Script* script);
/// One operation from kOpBytes bytes.
Op decode_op(const u8* bytes, unsigned version);
/// Writes the shortest binary form. False, naming the line in `error`, if an operand has none.
bool encode_binary(const Script& script, std::string* out, std::string* error);
/// The request sizes that two bytes can name: class boundaries, powers of two, extremes.
u64 decode_size(u16 code);

// ---- text form: what people read and what found bugs are stored as ----

std::string format_text(const Script& script);
std::string format_op(const Op& op);
/// False, with one line in `error`, if the text is not a script.
bool parse_text(const std::string& text, Script* script, std::string* error);

}  // namespace hak::props
