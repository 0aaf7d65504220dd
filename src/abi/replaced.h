#pragma once
// A program may replace some forms of new and delete alone; the default ones are then defined by those
// they call ([new.delete.single], [new.delete.array]). cxx_abi.cc and cxx_delete.cc have names of their own
// for their plain forms, which are theirs whatever a program defines: a form whose visible address is
// another was replaced. A program without position independent code that takes an address looks replaced
// too; its calls come back by the plain form.
#include "base/macros.h"

namespace hak {

/// The function that a program put in the place of `own`, or null. The compiler must neither conclude
/// that both are the same nor call by name, which clang takes for a call of the one in this file.
template <typename Function>
FAST_PATH Function* replacing(Function* visible, Function* own, bool also = false) {
  asm("" : "+r"(visible));
  return HAK_LIKELY(visible == own && !also) ? nullptr : visible;
}

}  // namespace hak
