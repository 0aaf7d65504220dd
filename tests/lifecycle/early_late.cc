// malloc before every constructor and after every destructor. Main returns 3; only the last
// destructor, when all has been seen, makes that 0.
#include <string>

#include "work.h"

namespace {

enum Stage { kPreinit, kConstructor, kObject, kMain, kExitHandler, kDestructor, kStages };
char* g_kept[kStages];
unsigned g_seen = 0;

void visit(Stage stage) {
  { lifecycle::Blocks(static_cast<unsigned>(stage)).churn(2'000); }
  // What earlier stages have allocated is intact, and can be freed in a later one.
  for (int earlier = 0; earlier < stage; ++earlier) {
    if (!g_kept[earlier]) continue;
    for (int i = 0; i < 100; ++i)
      CHECK(g_kept[earlier][i] == static_cast<char>(earlier), "a block of an earlier stage");
    if (stage - earlier < 2) continue;
    free(g_kept[earlier]);
    g_kept[earlier] = nullptr;
  }
  g_kept[stage] = static_cast<char*>(malloc(100));
  CHECK(g_kept[stage] != nullptr, "malloc in every stage");
  memset(g_kept[stage], stage, 100);
  g_seen |= 1U << stage;
}

void at_preinit(int, char**, char**) { visit(kPreinit); }
[[gnu::section(".preinit_array"), gnu::used]] void (*g_preinit)(int, char**, char**) = at_preinit;

[[gnu::constructor(101)]] void at_constructor() { visit(kConstructor); }

struct Object {
  Object() { visit(kObject); }
  ~Object() { delete text; }
  std::string* text = new std::string(1'000, 'x');
} g_object;

[[gnu::destructor(101)]] void at_destructor() {
  visit(kDestructor);
  CHECK(g_seen == (1U << kStages) - 1, "every stage was reached");
  lifecycle::check_heap();
  _exit(0);
}

}  // namespace

int main() {
  visit(kMain);
  CHECK(atexit([] { visit(kExitHandler); }) == 0, "atexit");
  return 3;
}
