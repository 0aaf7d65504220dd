#include "base/seeded.h"

#ifdef HAKMEM_SEEDED
#include <string.h>
#include <unistd.h>

namespace hak {

constinit Seeded g_seeded = Seeded::kNone;

namespace {

constexpr char kVariable[] = "HAKMEM_SEEDED_FAULT=";
constexpr const char* kIds[] = {
    "none",
#define HAK_SEEDED_FAULT(name, id, text, drivers) id,
#include "base/seeded.def"
#undef HAK_SEEDED_FAULT
};

void say(const char* text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

/// glibc hands the environment to constructors, also of libraries, before `environ` need be set.
[[gnu::constructor(101)]] void choose(int, char**, char** environment) {
  const std::size_t prefix = sizeof kVariable - 1;
  while (environment && *environment && strncmp(*environment, kVariable, prefix) != 0) ++environment;
  if (!environment || !*environment) return;
  const char* wanted = *environment + prefix;
  for (std::size_t i = 0; i < sizeof kIds / sizeof kIds[0]; ++i) {
    if (strcmp(kIds[i], wanted) != 0) continue;
    g_seeded = static_cast<Seeded>(i);
    return;
  }
  say("hakmem: no seeded fault is named '");
  say(wanted);
  say("'; src/base/seeded.def lists them\n");
  _exit(2);
}

}  // namespace
}  // namespace hak
#endif
