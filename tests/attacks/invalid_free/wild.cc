// attack: free an address that no allocator has ever returned
// fault: foreign-pointer
// cases: near-null page-one tagged noncanonical kernel all-ones
// glibc: * segv@at-call
// hakmem: * all-ones foreign-pointer|misaligned-pointer@at-call
// hakmem: * * foreign-pointer@at-call
#include "attack.h"

namespace {

char* wild_address(const char* name) {
  if (std::strcmp(name, "near-null") == 0) return attack::at_address(16);
  if (std::strcmp(name, "page-one") == 0) return attack::at_address(4096);
  if (std::strcmp(name, "tagged") == 0) {
    return attack::at_address(attack::address(attack::take(24)) | uintptr_t{1} << 59);
  }
  if (std::strcmp(name, "noncanonical") == 0) return attack::at_address(uintptr_t{1} << 62);
  if (std::strcmp(name, "kernel") == 0) return attack::at_address(0xffff888000000000);
  if (std::strcmp(name, "all-ones") == 0) return attack::at_address(~uintptr_t{0});
  attack::broken("unknown address");
}

}  // namespace

int main(int argc, char** argv) {
  char* wild = wild_address(attack::word_argument(argc, argv));
  attack::begin_misuse(wild);
  attack::give(wild);
  attack::end_misuse();
  attack::succeeded("the wild pointer was accepted");
}
