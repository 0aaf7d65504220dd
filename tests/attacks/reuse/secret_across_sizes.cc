// attack: a freed block of one size is cut into blocks of another, with what it held
// fault: uninitialised-leak
// cases: 64 200 1000
// glibc: * succeeds
// hakmem: * * survives
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  constexpr size_t kSecretBytes = 5000;
  char* secret = attack::take(kSecretBytes);
  attack::take(24);
  std::memset(secret, 's', kSecretBytes);
  attack::give(secret);
  attack::begin_misuse();
  const char* fresh = attack::take(size_bytes);
  const bool leaked = attack::peek<char>(fresh, 48) == 's';
  attack::end_misuse();
  attack::judge(leaked, "a block of another size held an old secret");
}
