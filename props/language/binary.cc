// Binary versions 1 and 2: a header of four bytes, five bytes per operation.
//   header     version in the high half (2 is 2, any other value is 1), profile and guards;
//              seed; inverted route mask; inverted lane mask. All zero is the default configuration.
//   operation  kind by the weights of the version; slot and thread; parameter; 16-bit size code, low
//              byte first
#include <array>

#include "backing/geometry.h"
#include "language/script.h"

namespace hak::props {
namespace {

constexpr unsigned kWeights[2][kOpKinds] = {
    {
#define HAK_OP(id, name, form, weight, weight2) weight,
#include "language/ops.def"
#undef HAK_OP
    },
    {
#define HAK_OP(id, name, form, weight, weight2) weight2,
#include "language/ops.def"
#undef HAK_OP
    }};

constexpr std::array<u8, 256> make_kind_table(unsigned version) {
  std::array<u8, 256> table{};
  unsigned at = 0;
  for (unsigned kind = 0; kind < kOpKinds; ++kind)
    for (unsigned i = 0; i < kWeights[version - 1][kind]; ++i) table[at++] = static_cast<u8>(kind);
  return table;
}

constexpr unsigned total_weight(unsigned version) {
  unsigned sum = 0;
  for (unsigned weight : kWeights[version - 1]) sum += weight;
  return sum;
}
static_assert(total_weight(1) == 256 && total_weight(2) == 256, "the weights of ops.def fill one byte exactly");

constexpr std::array<u8, 256> kKindTables[2] = {make_kind_table(1), make_kind_table(2)};
constexpr u64 kCounts[16] = {0, 1, 2, 3, 4, 5, 7, 8, 10, 16, 100, 1000,
                             u64{1} << 32, (u64{1} << 32) + 1, u64{1} << 63, ~u64{0}};
constexpr u64 kOddAlignments[8] = {0, 3, 24, 48, 4095, 1000, u64{1} << 62, u64{1} << 63};
constexpr u64 kTicks[8] = {0, 1, 50, 62, 63, 249, 250, 100000};

u64 alignment_of(u8 parameter) {
  return parameter < 192 ? u64{1} << (parameter % 22) : kOddAlignments[parameter % 8];
}

u64 count_size(u64 count, u64 total) {
  return count == 0 || count >= u64{1} << 32 ? total : total / count;
}

u64 option_value(u8 word, u16 code) {
  if (static_cast<Tunable>(word) == Tunable::kPurgeDelay) return code % 1000;
  return code & 0xff;
}

u64 offset_of(OpKind kind, u16 code) {
  switch (kind) {
    case OpKind::kInterior:
    case OpKind::kForgedHeader: return (u64{code} % 4096 + 1) * kGranuleBytes;
    case OpKind::kMisaligned: return u64{code} % kGranuleBytes ? code : u64{code} + 1;
    case OpKind::kCorruptHeader: return code & 0xff ? code & 0xff : 1;
    default: return u64{code} % 64 + 1;  // overflow and underflow: a number of bytes
  }
}

/// A pseudo-random place in the first units of the arena for `wild`: granules mostly.
u64 wild_offset(u8 parameter, u16 code) {
  const u64 granule = u64{code} | u64{static_cast<u8>(parameter >> 3)} << 16;
  return granule * kGranuleBytes + ((parameter & 7) == 7 ? 1 + code % 15 : 0);
}

}  // namespace

u64 decode_size(u16 code) {
  const u64 x = code & 0xfff;
  // Most sizes fall into few classes, so that slots are reused; the rest looks everywhere.
  const u64 common = x % 64;
  switch (code >> 12) {
    case 0: return x % 1100;
    case 1: return x % 256;
    case 2: return x;
    case 3: return kStrides[x % kClassCount] + (x / kClassCount) % 5 - 3;
    case 4: return x % 4 ? common : x * 8;
    case 5: return x % 4 ? common : x * 16;
    case 6: return x % 4 ? common : 32768 + x * 32;
    case 7: return x % 8 ? common : x * 64;
    case 8: return x % 32 ? common : x * 256;
    case 9: return (u64{1} << (x % 18)) + (x / 18) % 5 - (x % 18 ? 2 : 0);
    case 10: return x % 64 ? common : (u64{1} << 20) + x * 1024;
    case 15:
      switch (x % 4) {
        case 0: return ~u64{0} - x / 4;
        case 1: return kMaxRequestBytes - 8 + (x / 4) % 16;
        case 2: return u64{1} << (26 + (x / 4) % 37);
        default: return x / 4 % 64;
      }
    default: return common;
  }
}

namespace {

/// The operands of version 2.
void decode_new(Op* op, u8 slot, u8 thread, u8 parameter, u16 code) {
  const Form form = op_form(op->kind);
  if (const unsigned words = own_words(op->kind)) op->word = static_cast<u8>(parameter % words);
  if (form == Form::XT || form == Form::XTS || form == Form::XTSA || form == Form::XTSAB || form == Form::TA)
    op->thread = thread;
  if (form == Form::XTS || form == Form::XTSA || form == Form::XTSAB) op->slot = slot;
  switch (form) {
    case Form::XV: op->a = code % value_count(); break;
    case Form::TA: op->a = code % 16 + 1; break;
    case Form::XTSA: op->a = decode_size(code); break;
    case Form::XTSAB:
      op->a = u64{1} << (parameter >> 3) % 22;
      op->b = decode_size(code);
      break;
    case Form::XAB:
      op->a = code % 256;
      op->b = code >> 8;
      break;
    case Form::AB:  // mallopt: parameters from -16 to 15
      op->a = static_cast<u64>(parameter % 32) - 16;
      op->b = code % 256;
      break;
    default: break;
  }
}

}  // namespace

Op decode_op(const u8* bytes, unsigned version) {
  Op op;
  op.kind = static_cast<OpKind>(kKindTables[version - 1][bytes[0]]);
  const u8 slot = bytes[1] % kSlotCount;
  const u8 thread = static_cast<u8>(bytes[1] >> 5) % kContextCount;
  const u8 parameter = bytes[2];
  const u16 code = static_cast<u16>(bytes[3] | bytes[4] << 8);
  const Form form = op_form(op.kind);
  const auto via = static_cast<u8>(parameter % static_cast<u8>(Via::kCount));
  if (form >= Form::X) {
    decode_new(&op, slot, thread, parameter, code);
    return op;
  }
  if (form != Form::N && form != Form::A && form != Form::SA && form != Form::XA) op.thread = thread;
  switch (form) {
    case Form::N:
    case Form::T: break;
    case Form::A: op.a = kTicks[code % 8]; break;
    case Form::TS: op.slot = slot; break;
    case Form::SA: op.slot = slot; op.a = code; break;
    case Form::XA:
      if (op.kind == OpKind::kOsFail || op.kind == OpKind::kNewHandler) {
        op.word = static_cast<u8>(parameter % own_words(op.kind));
        op.a = code % 4 + 1;
      } else {
        op.word = parameter % static_cast<u8>(Tunable::kCount);
        op.a = option_value(op.word, code);
      }
      break;
    case Form::TSA: op.slot = slot; op.a = decode_size(code); break;
    case Form::TSW: op.slot = slot; op.word = via; break;
    case Form::TXW: op.place = static_cast<u8>(code % static_cast<u8>(Place::kCount)); op.word = via; break;
    case Form::TWA: op.word = via; op.a = wild_offset(parameter, code); break;
    case Form::TSWA: op.slot = slot; op.word = via; op.a = offset_of(op.kind, code); break;
    case Form::TSAB:
      op.slot = slot;
      op.b = decode_size(code);
      if (op.kind == OpKind::kAligned || op.kind == OpKind::kPosixAligned ||
          op.kind == OpKind::kMemalign || op.kind == OpKind::kWrongAlignment) {
        op.a = alignment_of(parameter);
      } else if (op.kind == OpKind::kChurn) {
        op.a = parameter % 64 + 1;
        op.b = op.b % 1024;
      } else {
        op.a = kCounts[parameter % 16];
        op.b = count_size(op.a, op.b);
      }
      break;
    default: break;
  }
  return op;
}

void decode_binary(const u8* data, std::size_t size, Script* script) {
  static constexpr Profile kProfiles[4] = {Profile::kHardened, Profile::kFast, Profile::kParanoid,
                                           Profile::kHardened};
  u8 header[kHeaderBytes] = {};
  for (std::size_t i = 0; i < kHeaderBytes && i < size; ++i) header[i] = data[i];
  const unsigned version = header[0] >> 4 == 2 ? 2 : 1;
  script->profile = kProfiles[header[0] & 3];
  script->guards = (header[0] & 4) == 0;
  script->light_guards = (header[0] & 8) == 0;
  script->seed = u64{header[1]} + 1;
  script->route_mask = static_cast<u8>(~header[2]);
  script->lane_mask = static_cast<u8>(~header[3]);
  script->ops.clear();
  for (std::size_t at = kHeaderBytes; at + kOpBytes <= size && script->ops.size() < kMaxOps; at += kOpBytes)
    script->ops.push_back(decode_op(data + at, version));
}

namespace {

/// Searches the parameter and size bytes that decode to the operation: 2^24 tries at worst, tools only.
bool encode_op(const Op& op, unsigned version, u8* bytes) {
  unsigned first = 0;
  while (kKindTables[version - 1][first] != static_cast<u8>(op.kind)) ++first;
  bytes[0] = static_cast<u8>(first);
  bytes[1] = static_cast<u8>(op.slot | op.thread << 5);
  for (unsigned parameter = 0; parameter < 256; ++parameter) {
    bytes[2] = static_cast<u8>(parameter);
    for (unsigned code = 0; code < 65536; ++code) {
      bytes[3] = static_cast<u8>(code & 0xff);
      bytes[4] = static_cast<u8>(code >> 8);
      if (decode_op(bytes, version) == op) return true;
    }
  }
  return false;
}

}  // namespace

bool encode_binary(const Script& script, std::string* out, std::string* error) {
  const u8 profile = script.profile == Profile::kFast ? 1 : script.profile == Profile::kParanoid ? 2 : 0;
  if (script.seed == 0 || script.seed > 256) {
    *error = "seed " + std::to_string(script.seed) + " has no binary form (1 to 256)";
    return false;
  }
  const unsigned version = script_version(script);
  out->clear();
  out->push_back(static_cast<char>(version << 4 | profile | (script.guards ? 0 : 4) |
                                    (script.light_guards ? 0 : 8)));
  out->push_back(static_cast<char>(script.seed - 1));
  out->push_back(static_cast<char>(~script.route_mask));
  out->push_back(static_cast<char>(~script.lane_mask));
  for (const Op& op : script.ops) {
    u8 bytes[kOpBytes];
    if (!encode_op(op, version, bytes)) {
      *error = "no binary form: " + format_op(op);
      return false;
    }
    out->append(reinterpret_cast<const char*>(bytes), kOpBytes);
  }
  return true;
}

}  // namespace hak::props
