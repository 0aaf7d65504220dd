#pragma once

namespace hak::props {

/// False if the kernel does not take the filter; then everything stays as it is.
bool pretend_old_kernel();

}  // namespace hak::props
