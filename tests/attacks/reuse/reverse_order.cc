// attack: four blocks freed in a known order come back in a known order
// fault: reuse-order
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: fast * succeeds
// hakmem: * * succeeds p<=1/8 in 60
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  char* freed[4];
  for (char*& block : freed) block = attack::take(size_bytes);
  attack::begin_misuse();
  for (char* block : freed) attack::give(block);
  bool predicted = true;
  for (int i = 3; i >= 0; --i) predicted &= attack::take(size_bytes) == freed[i];
  attack::end_misuse();
  attack::judge(predicted, "the order of reuse was predicted");
}
