// Text versions 1 and 2. The first line names language and version; `profile`, `guards`, `light-guards`,
// `seed`, `route-mask` and `lane-mask` lines may follow, then one operation a line. `#` starts a
// comment.
#include <cstdlib>
#include <iterator>
#include <sstream>

#include "language/script.h"

namespace hak::props {
namespace {

struct OpInfo {
  const char* name;
  Form form;
  bool is_new;
};
constexpr OpInfo kOps[] = {
#define HAK_OP(id, name, form, weight, weight2) {name, Form::form, (weight) == 0},
#include "language/ops.def"
#undef HAK_OP
};

constexpr const char* kForms[] = {"",     "T",    "A", "TS", "SA", "XA",  "TSA", "TSW",  "TXW",   "TWA", "TSAB",
                                  "TSWA", "X", "XV", "XT", "XTS", "XAB", "XTSA", "XTSAB", "AB",  "TA"};
constexpr const char* kVias[] = {"free", "realloc", "usable", "free-sized", "free-aligned"};
constexpr const char* kProfiles[] = {"fast", "hardened", "paranoid"};
static_assert(std::size(kForms) == static_cast<unsigned>(Form::TA) + 1);
static_assert(std::size(kVias) == static_cast<unsigned>(Via::kCount));

#define HAK_WORDS(list, ...) constexpr const char* k##list##Words[] = {__VA_ARGS__};
#include "language/words.def"
#undef HAK_WORDS

struct WordList {
  OpKind kind;
  const char* const* words;
  unsigned count;
};
template <auto kCount, std::size_t N>
consteval WordList checked_list(OpKind kind, const char* const (&words)[N]) {
  static_assert(N == static_cast<unsigned>(kCount), "a word for every value");
  return {kind, words, N};
}
#define HAK_LIST(kind, list) checked_list<list::kCount>(OpKind::kind, k##list##Words)
constexpr WordList kLists[] = {
    HAK_LIST(kForeign, Place),      HAK_LIST(kOsFail, OsCall),          HAK_LIST(kOption, Tunable),
    HAK_LIST(kEnv, Variable),       HAK_LIST(kSetOption, Variable),     HAK_LIST(kNewForm, NewForm),
    HAK_LIST(kDeleteForm, DeleteForm), HAK_LIST(kNewHandler, Handler),  HAK_LIST(kPageAligned, PageForm),
    HAK_LIST(kAsk, Question),       HAK_LIST(kStalled, Stall),          HAK_LIST(kFatal, Ending),
    HAK_LIST(kAccess, Access),      HAK_LIST(kStart, OsCall),
    HAK_LIST(kDamage, Broken)};
#undef HAK_LIST

int find_word(const char* const* words, unsigned count, const std::string& word) {
  for (unsigned i = 0; i < count; ++i)
    if (word == words[i]) return static_cast<int>(i);
  return -1;
}

const WordList& list_of(OpKind kind) {
  static constexpr WordList kNone = {OpKind::kCount, nullptr, 0};
  for (const WordList& list : kLists)
    if (list.kind == kind) return list;
  return kNone;
}

/// The words that an X operand of the operation may be.
int own_word(OpKind kind, const std::string& word) {
  return find_word(list_of(kind).words, list_of(kind).count, word);
}

const char* own_word_text(const Op& op) {
  return list_of(op.kind).words[op.kind == OpKind::kForeign ? op.place : op.word];
}

bool parse_number(const std::string& word, u64* value) {
  if (word.empty() || word[0] == '-' || word[0] == '+') return false;
  char* end = nullptr;
  errno = 0;
  *value = std::strtoull(word.c_str(), &end, 0);
  return *end == 0 && errno == 0;
}

bool parse_index(const std::string& word, char letter, unsigned bound, u8* value) {
  u64 number = 0;
  if (word.size() < 2 || word[0] != letter || !parse_number(word.substr(1), &number) || number >= bound)
    return false;
  *value = static_cast<u8>(number);
  return true;
}

bool parse_operand(char letter, const std::string& word, Op* op, std::string* expected) {
  int index = 0;
  switch (letter) {
    case 'T': *expected = "a thread, t0 to t3"; return parse_index(word, 't', kContextCount, &op->thread);
    case 'S': *expected = "a slot, s0 to s31"; return parse_index(word, 's', kSlotCount, &op->slot);
    case 'A': *expected = "a number"; return parse_number(word, &op->a);
    case 'B': *expected = "a number"; return parse_number(word, &op->b);
    case 'W':
      *expected = "free, realloc, usable, free-sized or free-aligned";
      index = find_word(kVias, std::size(kVias), word);
      op->word = static_cast<u8>(index);
      return index >= 0;
    case 'V':
      *expected = "a value (see props/language/words.def)";
      index = find_word(kValueWords, std::size(kValueWords), word);
      op->a = static_cast<u64>(index);
      return index >= 0;
    default:
      *expected = "a word of this operation (see props/language/words.def)";
      index = own_word(op->kind, word);
      (op->kind == OpKind::kForeign ? op->place : op->word) = static_cast<u8>(index);
      return index >= 0;
  }
}

bool parse_op(std::istringstream& line, const std::string& name, Op* op, std::string* error) {
  unsigned kind = 0;
  while (kind < kOpKinds && name != kOps[kind].name) ++kind;
  if (kind == kOpKinds) {
    *error = "unknown operation `" + name + "`";
    return false;
  }
  op->kind = static_cast<OpKind>(kind);
  for (const char* letter = kForms[static_cast<unsigned>(kOps[kind].form)]; *letter; ++letter) {
    std::string word, expected;
    line >> word;
    if (!parse_operand(*letter, word, op, &expected)) {
      *error = "`" + name + "` expects " + expected + ", not `" + word + "`";
      return false;
    }
  }
  return true;
}

/// A configuration line. 0: it is none; 1: taken; -1: bad value.
int parse_setting(std::istringstream& line, const std::string& name, Script* script) {
  if (name != "profile" && name != "guards" && name != "light-guards" && name != "seed" &&
      name != "route-mask" && name != "lane-mask")
    return 0;
  std::string word;
  line >> word;
  if (name == "profile") {
    const int profile = find_word(kProfiles, std::size(kProfiles), word);
    if (profile < 0) return -1;
    script->profile = static_cast<Profile>(profile);
    return 1;
  }
  u64 value = 0;
  if (!parse_number(word, &value)) return -1;
  if (name == "seed") {
    script->seed = value;
    return value ? 1 : -1;
  }
  if (value > (name == "guards" || name == "light-guards" ? 1U : 255U)) return -1;
  if (name == "guards") script->guards = value != 0;
  if (name == "light-guards") script->light_guards = value != 0;
  if (name == "route-mask") script->route_mask = static_cast<u8>(value);
  if (name == "lane-mask") script->lane_mask = static_cast<u8>(value);
  return 1;
}

}  // namespace

const char* op_name(OpKind kind) { return kOps[static_cast<unsigned>(kind)].name; }
Form op_form(OpKind kind) { return kOps[static_cast<unsigned>(kind)].form; }
bool is_new(OpKind kind) { return kOps[static_cast<unsigned>(kind)].is_new; }
unsigned own_words(OpKind kind) { return list_of(kind).count; }
const char* variable_name(Variable variable) { return kVariableWords[static_cast<unsigned>(variable)]; }
unsigned value_count() { return std::size(kValueWords); }
const char* value_word(u64 index) { return kValueWords[index]; }
unsigned script_version(const Script& script) {
  for (const Op& op : script.ops)
    if (is_new(op.kind)) return 2;
  return 1;
}
bool is_misuse(OpKind kind) { return kind >= OpKind::kDoubleFree && kind < OpKind::kCount; }

std::string format_op(const Op& op) {
  std::string out = op_name(op.kind);
  for (const char* letter = kForms[static_cast<unsigned>(op_form(op.kind))]; *letter; ++letter) {
    out += ' ';
    switch (*letter) {
      case 'T': out += 't' + std::to_string(op.thread); break;
      case 'S': out += 's' + std::to_string(op.slot); break;
      case 'A': out += std::to_string(op.a); break;
      case 'B': out += std::to_string(op.b); break;
      case 'W': out += kVias[op.word]; break;
      case 'V': out += kValueWords[op.a]; break;
      default: out += own_word_text(op); break;
    }
  }
  return out;
}

std::string format_text(const Script& script) {
  std::string out = "hakmem-script " + std::to_string(script_version(script)) + "\n";
  const Script defaults;
  if (script.profile != defaults.profile)
    out += std::string("profile ") + kProfiles[static_cast<unsigned>(script.profile)] + "\n";
  if (script.guards != defaults.guards) out += "guards 0\n";
  if (script.light_guards != defaults.light_guards) out += "light-guards 0\n";
  if (script.seed != defaults.seed) out += "seed " + std::to_string(script.seed) + "\n";
  if (script.route_mask != 255) out += "route-mask " + std::to_string(script.route_mask) + "\n";
  if (script.lane_mask != 255) out += "lane-mask " + std::to_string(script.lane_mask) + "\n";
  for (const Op& op : script.ops) out += format_op(op) + "\n";
  return out;
}

bool parse_text(const std::string& text, Script* script, std::string* error) {
  *script = Script{};
  std::istringstream lines(text);
  std::string raw;
  bool have_title = false;
  unsigned version = 0;
  for (unsigned number = 1; std::getline(lines, raw); ++number) {
    const auto fail = [&](const std::string& what) {
      *error = "line " + std::to_string(number) + ": " + what;
      return false;
    };
    std::istringstream line(raw.substr(0, raw.find('#')));
    std::string name, rest;
    if (!(line >> name)) continue;
    if (!have_title) {
      if (name != "hakmem-script" || !(line >> version)) return fail("expected `hakmem-script 1`");
      if (version < 1 || version > kLanguageVersion)
        return fail("script version is above " + std::to_string(kLanguageVersion));
      have_title = true;
      continue;
    }
    const int setting = parse_setting(line, name, script);
    if (setting < 0) return fail("bad value for `" + name + "`");
    if (setting == 0) {
      Op op;
      std::string what;
      if (!parse_op(line, name, &op, &what)) return fail(what);
      if (version == 1 && is_new(op.kind)) return fail("`" + name + "` is of version 2");
      if (script->ops.size() == kMaxOps) return fail("more than " + std::to_string(kMaxOps) + " operations");
      script->ops.push_back(op);
    }
    if (line >> rest) return fail("`" + rest + "` is too much");
  }
  if (!have_title) *error = "line 1: expected `hakmem-script 1`";
  return have_title;
}

}  // namespace hak::props
