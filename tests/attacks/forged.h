#pragma once
// A fake glibc chunk of 32 bytes inside memory the attacker can write, with the size field of the
// chunk behind it, which glibc looks at too.
#include "attack.h"

namespace attack {

constexpr size_t kFakeRequestBytes = 24;

/// 96 bytes, 16-aligned; the fake block starts at `block()`.
struct alignas(16) FakeChunk {
  unsigned char bytes[96] = {};

  void forge() {
    poke<size_t>(bytes, 8, 32 | kPreviousInUse);
    poke<size_t>(bytes, 40, 32 | kPreviousInUse);
  }
  char* block() { return hide(reinterpret_cast<char*>(bytes)) + 16; }
};

/// Frees the fake block and asks for one of its size: the attack works if that is the fake one.
[[noreturn]] inline void free_fake_and_take(char* fake, const char* what) {
  begin_misuse(fake);
  give(fake);
  end_misuse();
  judge(take(kFakeRequestBytes) == fake, what);
}

}  // namespace attack
