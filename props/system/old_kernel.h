#pragma once

namespace hak::props {

/// A sanitizer's runtime traces threads and asks pipes of its own which memory can be read: neither is
/// forbidden to it.
inline constexpr bool kSanitized = HAK_PROPS_SANITIZED;

/// False if the kernel does not take the filter; then everything stays as it is.
bool pretend_old_kernel();

}  // namespace hak::props
