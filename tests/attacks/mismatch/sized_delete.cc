// attack: delete with the wrong size: the object was of another type than the pointer says
// fault: size-mismatch
// cases: smaller larger large-smaller same-class array aligned
// glibc: * succeeds
// hakmem: paranoid,debug same-class size-mismatch@at-call
// hakmem: * same-class succeeds
// hakmem: * * size-mismatch@at-call
#include <new>

#include "attack.h"

namespace {

struct Lie {
  const char* name;
  size_t real_bytes, told_bytes;
};
constexpr Lie kLies[] = {
    {"smaller", 200, 24},    {"larger", 24, 200}, {"large-smaller", 100000, 50000},
    {"same-class", 24, 26}, {"array", 200, 40},  {"aligned", 500, 100},
};

void tell(const Lie& lie) {
  if (std::strcmp(lie.name, "array") == 0) {
    void* block = attack::hide(::operator new[](lie.real_bytes));
    attack::begin_misuse(block);
    ::operator delete[](attack::hide(block), lie.told_bytes);
  } else if (std::strcmp(lie.name, "aligned") == 0) {
    constexpr std::align_val_t kAlignment{64};
    void* block = attack::hide(::operator new(lie.real_bytes, kAlignment));
    attack::begin_misuse(block);
    ::operator delete(attack::hide(block), lie.told_bytes, kAlignment);
  } else {
    void* block = attack::hide(::operator new(lie.real_bytes));
    attack::begin_misuse(block);
    ::operator delete(attack::hide(block), lie.told_bytes);
  }
  attack::end_misuse();
}

}  // namespace

int main(int argc, char** argv) {
  const char* name = attack::word_argument(argc, argv);
  for (const Lie& lie : kLies) {
    if (std::strcmp(lie.name, name) != 0) continue;
    tell(lie);
    attack::succeeded("a delete with the wrong size was accepted");
  }
  attack::broken("unknown lie");
}
