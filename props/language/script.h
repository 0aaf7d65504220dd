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

inline constexpr unsigned kLanguageVersion = 1;
inline constexpr unsigned kSlotCount = 32;
inline constexpr unsigned kContextCount = 4;
inline constexpr std::size_t kMaxOps = 4096;

enum class OpKind : u8 {
#define HAK_OP(id, name, form, weight) id,
#include "language/ops.def"
#undef HAK_OP
  kCount
};
inline constexpr unsigned kOpKinds = static_cast<unsigned>(OpKind::kCount);

/// Which operands an operation has; the letters are explained in ops.def.
enum class Form : u8 { N, T, A, TS, SA, XA, TSA, TSW, TXW, TWA, TSAB, TSWA };

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

struct Op {
  OpKind kind = OpKind::kVerify;
  u8 thread = 0;
  u8 slot = 0;
  u8 word = 0;  ///< Via; or Place, OsCall, Tunable where the operation has no Via
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

// ---- binary form: total, every byte string is a script ----

inline constexpr std::size_t kHeaderBytes = 4;
inline constexpr std::size_t kOpBytes = 5;

/// Reads a script. A trailing part of an operation is ignored; so is what follows kMaxOps.
void decode_binary(const u8* data, std::size_t size, Script* script);
/// One operation from kOpBytes bytes.
Op decode_op(const u8* bytes);
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
