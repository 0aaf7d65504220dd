// attack: free a block of another allocator in the process (a second libc): two heaps own it then
// fault: foreign-pointer
// cases: 24 200 1000
// glibc: * succeeds
// hakmem: * * foreign-pointer@at-call
#include <dlfcn.h>

#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  void* library = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
  if (library == nullptr) attack::broken("no second libc");
  auto* other_malloc = reinterpret_cast<void* (*)(size_t)>(dlsym(library, "malloc"));
  if (other_malloc == nullptr) attack::broken("the second libc has no malloc");
  void* block = other_malloc(size_bytes);
  attack::begin_misuse(block);
  attack::give(block);
  attack::end_misuse();
  attack::judge(attack::take(size_bytes) == block, "a live block of another heap was handed out");
}
