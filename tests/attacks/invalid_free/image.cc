// attack: free something that is part of the program or of libc: code, a literal, an argument, a
// attack: FILE
// fault: foreign-pointer
// cases: code literal argument environment stream
// glibc: * abort "free(): invalid" or abort "munmap_chunk(): invalid" or segv@at-call
// hakmem: * * foreign-pointer|misaligned-pointer@at-call
#include <unistd.h>

#include <cstdio>

#include "attack.h"

namespace {

const char* image_address(const char* name, char** argv) {
  if (std::strcmp(name, "code") == 0) {
    return reinterpret_cast<const char*>(reinterpret_cast<uintptr_t>(&attack::churn));
  }
  if (std::strcmp(name, "literal") == 0) return "not from the heap, and long enough to be read";
  if (std::strcmp(name, "argument") == 0) return argv[1];
  if (std::strcmp(name, "environment") == 0) return environ[0];
  if (std::strcmp(name, "stream") == 0) return reinterpret_cast<const char*>(stderr);
  attack::broken("unknown object");
}

}  // namespace

int main(int argc, char** argv) {
  char* object = const_cast<char*>(image_address(attack::word_argument(argc, argv), argv));
  attack::take(24);
  attack::begin_misuse(object);
  attack::give(object);
  attack::end_misuse();
  attack::succeeded("the pointer was accepted");
}
