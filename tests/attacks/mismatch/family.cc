// attack: a block of one family of functions freed by another
// fault: new-delete-mismatch
// cases: new-free malloc-delete malloc-delete-array new-delete-array new-array-delete new-realloc
// range: tiny
// glibc: * succeeds
// hakmem: paranoid,debug * new-delete-mismatch@at-call
// hakmem: * * succeeds
#include <cstdlib>
#include <new>

#include "attack.h"

namespace {

constexpr size_t kBytes = 64;

void* make(const char* name) {
  if (std::strncmp(name, "new-array", 9) == 0) return ::operator new[](kBytes);
  if (std::strncmp(name, "new", 3) == 0) return ::operator new(kBytes);
  return attack::take(kBytes);
}

void end(const char* name, void* block) {
  if (std::strstr(name, "-free") != nullptr) return std::free(block);
  if (std::strstr(name, "-delete-array") != nullptr) return ::operator delete[](block);
  if (std::strstr(name, "-delete") != nullptr) return ::operator delete(block);
  if (std::strstr(name, "-realloc") != nullptr) {
    attack::resize(block, 2 * kBytes);
    return;
  }
  attack::broken("unknown pair");
}

}  // namespace

int main(int argc, char** argv) {
  const char* name = attack::word_argument(argc, argv);
  void* block = attack::hide(make(name));
  attack::begin_misuse(block);
  end(name, attack::hide(block));
  attack::end_misuse();
  attack::succeeded("the wrong function was accepted");
}
