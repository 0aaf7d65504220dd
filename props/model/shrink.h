#pragma once
// Makes a failing script smaller while it goes on failing.
#include <functional>

#include "language/script.h"

namespace hak::props {

/// Removes operations, then configuration, then makes operands smaller. Deterministic.
void shrink(Script* script, const std::function<bool(const Script&)>& fails);

}  // namespace hak::props
