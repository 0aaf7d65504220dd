#pragma once
// Heap profiles as HAKMEM_HEAP_PROFILE writes them, read back.
#include <string>
#include <vector>

#include "reports.h"

namespace hak::cli {

struct Site {
  unsigned long blocks = 0, bytes = 0;
  std::vector<Frame> stack;  ///< innermost first, with module and offset where the maps know them
};

/// All sites of all profiles in `text`, each once, most bytes first.
std::vector<Site> parse_profile(const std::string& text);
/// What is left of `sites` where those of `others` are taken away.
std::vector<Site> without(std::vector<Site> sites, const std::vector<Site>& others);

}  // namespace hak::cli
