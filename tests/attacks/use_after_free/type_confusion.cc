// attack: free a user record, store a message of its size, ask the old record whether the user is
// attack: an administrator
// fault: use-after-free
// cases: -
// range: tiny
// glibc: * succeeds
// hakmem: * * survives
#include "attack.h"

namespace {

struct User {
  char name[24];
  uint64_t administrator;
};
struct Message {
  char text[32];
};
static_assert(sizeof(User) == sizeof(Message));

}  // namespace

int main() {
  char* user = attack::take(sizeof(User));
  std::memset(user, 0, sizeof(User));
  attack::give(user);
  char* message = attack::take(sizeof(Message));
  std::memset(message, 1, sizeof(Message));
  attack::begin_misuse();
  const uint64_t flag = attack::peek<uint64_t>(user, offsetof(User, administrator));
  attack::end_misuse();
  attack::judge(flag == 0x0101010101010101, "the freed record says administrator");
}
