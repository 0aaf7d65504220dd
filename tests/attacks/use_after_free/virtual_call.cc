// attack: delete an object, allocate attacker-controlled bytes of its size, call a virtual
// attack: function of the old object
// fault: use-after-free
// cases: -
// range: tiny
// glibc: * succeeds
// hakmem: fast,hardened * survives
// hakmem: * * survives or segv@at-call
#include <new>

#include "attack.h"

namespace {

class Session {
 public:
  virtual int level() const { return 1; }
  char name[40] = {};
};

int hijacked(const void*) { return 1000; }
using Entry = int (*)(const void*);
const Entry forged_table[4] = {hijacked, hijacked, hijacked, hijacked};

}  // namespace

int main() {
  auto* session = new (attack::hide(::operator new(sizeof(Session)))) Session;
  ::operator delete(static_cast<void*>(attack::hide(session)));
  char* bytes = attack::take(sizeof(Session));
  attack::poke<const Entry*>(bytes, 0, forged_table);
  attack::begin_misuse();
  const int level = attack::hide(session)->level();
  attack::end_misuse();
  attack::judge(level == 1000, "a virtual call went where the attacker wanted");
}
