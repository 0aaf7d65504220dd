// attack: spray attacker-controlled blocks until the freed one is among them: delay makes this
// attack: longer, and not impossible, so the limit is stated and not hidden
// fault: use-after-free
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * succeeds
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* stale = attack::take(size_bytes);
  attack::give(stale);
  char* sprayed = attack::take_until(stale, size_bytes);
  if (sprayed == nullptr) attack::failed("the freed block never came back");
  std::memset(sprayed, 'A', size_bytes);
  attack::begin_misuse();
  const bool confused = attack::peek<char>(stale, 8) == 'A';
  attack::end_misuse();
  attack::judge(confused, "the stale pointer leads to the attacker's bytes");
}
