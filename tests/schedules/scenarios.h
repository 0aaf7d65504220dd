#pragma once
// The programs of three threads that are explored.
#include <string>
#include <vector>

#include "world.h"

namespace hak::schedule {

struct Scenario {
  const char* name;
  const char* about;
  void (*prepare)();          ///< makes the world, up to where the threads start
  void (*body)(int thread);
  std::string (*check)();
  u64 least;                  ///< schedules that an exploration has at least
};

const std::vector<Scenario>& scenarios();

}  // namespace hak::schedule
