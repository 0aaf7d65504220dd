// A parser and a printer that make a mistake: linked instead of the tree's own (ld --wrap) to show that
// the options and script targets find one.
#include "common.h"

using namespace hak;

// The symbols of format_option and format_text, which the linker renames.
void real_option(OptionId id, u64 value, Text& out) __asm__("__real__ZN3hak13format_optionENS_8OptionIdEmRNS_4TextE");
void wrong_option(OptionId id, u64 value, Text& out) __asm__("__wrap__ZN3hak13format_optionENS_8OptionIdEmRNS_4TextE");
std::string real_text(const props::Script& script) __asm__("__real__ZN3hak5props11format_textB5cxx11ERKNS0_6ScriptE");
std::string wrong_text(const props::Script& script) __asm__("__wrap__ZN3hak5props11format_textB5cxx11ERKNS0_6ScriptE");

/// One more than it is.
void wrong_option(OptionId id, u64 value, Text& out) { real_option(id, value + (value > 1), out); }

/// Without the last operation.
std::string wrong_text(const props::Script& script) {
  props::Script shorter = script;
  if (!shorter.ops.empty()) shorter.ops.pop_back();
  return real_text(shorter);
}
