#pragma once
// A program may replace some forms of new and delete alone; the default ones are then defined by those
// they call ([new.delete.single], [new.delete.array]). The names here are the library's plain forms
// whatever a program defines: a form whose visible address is another was replaced. A program without
// position independent code that takes an address looks replaced too; its calls come back by the plain form.
#include <cstddef>
#include <new>

#include "base/macros.h"

extern "C" {
#define HAK_OWN_NEW(name, ...) [[gnu::visibility("hidden")]] void* name(std::size_t __VA_OPT__(, ) __VA_ARGS__)
HAK_OWN_NEW(hak_own_new);
HAK_OWN_NEW(hak_own_new_array);
HAK_OWN_NEW(hak_own_new_aligned, std::align_val_t);
HAK_OWN_NEW(hak_own_new_array_aligned, std::align_val_t);
#undef HAK_OWN_NEW
#define HAK_OWN_DELETE(name, ...) [[gnu::visibility("hidden")]] void name(void* __VA_OPT__(, ) __VA_ARGS__) noexcept
HAK_OWN_DELETE(hak_own_delete);
HAK_OWN_DELETE(hak_own_delete_array);
HAK_OWN_DELETE(hak_own_delete_aligned, std::align_val_t);
HAK_OWN_DELETE(hak_own_delete_array_aligned, std::align_val_t);
#undef HAK_OWN_DELETE
}

namespace hak {

/// The function that a program put in the place of `own`, or null; also that which is there if `also`.
/// The compiler must neither conclude that both are the same nor call by name, which clang takes for a
/// call of its own.
template <typename Function>
FAST_PATH Function* replacing(Function* visible, Function* own, bool also) {
  asm("" : "+r"(visible));
  return HAK_LIKELY(visible == own && !also) ? nullptr : visible;
}
template <typename... Align>
FAST_PATH auto* other_new(void* (*own)(std::size_t, Align...), bool also = false) {
  return replacing<void*(std::size_t, Align...)>(&::operator new, own, also);
}
template <typename... Align>
FAST_PATH auto* other_delete(void (*own)(void*, Align...) noexcept, bool also = false) {
  return replacing<void(void*, Align...) noexcept>(&::operator delete, own, also);
}
template <typename... Align>
FAST_PATH auto* other_new_array(void* (*own)(std::size_t, Align...), bool also) {
  return replacing<void*(std::size_t, Align...)>(&::operator new[], own, also);
}
template <typename... Align>
FAST_PATH auto* other_delete_array(void (*own)(void*, Align...) noexcept, bool also) {
  return replacing<void(void*, Align...) noexcept>(&::operator delete[], own, also);
}
/// Where one of a pair looks replaced, both forms of arrays call the single ones: an array must not
/// begin as an array and end as a single object.
FAST_PATH bool single_replaced() { return other_new(hak_own_new) || other_delete(hak_own_delete); }
FAST_PATH bool single_aligned_replaced() {
  return other_new(hak_own_new_aligned) || other_delete(hak_own_delete_aligned);
}

}  // namespace hak
