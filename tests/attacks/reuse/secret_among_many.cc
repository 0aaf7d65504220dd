// attack: free many blocks that hold a secret, then look for it in all the fresh blocks of a spray
// fault: uninitialised-leak
// cases: 40 64 100 200 1000 5000
// glibc: * succeeds
// hakmem: fast * succeeds
// hakmem: hardened 64,100,200,1000,5000 succeeds
// hakmem: * * survives
#include "attack.h"
#include "row.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  attack::Row row(size_bytes);
  for (size_t i = 0; i < row.count(); ++i) std::memset(row[i], 's', size_bytes);
  row.free_all_but(nullptr);
  attack::begin_misuse();
  for (size_t i = 0; i < attack::churn_count(size_bytes); ++i) {
    const char* fresh = attack::take(size_bytes);
    if (attack::peek<char>(fresh, 32) == 's') attack::succeeded("a fresh block held an old secret");
  }
  attack::end_misuse();
  attack::failed("a fresh block held an old secret");
}
