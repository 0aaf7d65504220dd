// The mutator as AFL++ calls it: a library for AFL_CUSTOM_MUTATOR_LIBRARY. afl-fuzz's own stages go on
// beside it.
#include <stdlib.h>
#include <string.h>

#include "mutator.h"

using hak::u8;

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

struct State {
  hak::u64 seed;
  u8 buffer[kMostBytes];
};

}  // namespace

extern "C" void* afl_custom_init(void* afl, unsigned seed);
extern "C" void afl_custom_deinit(void* state);
extern "C" std::size_t afl_custom_fuzz(void* state, u8* data, std::size_t size, u8** out, u8* other,
                                       std::size_t other_size, std::size_t max_size);

void* afl_custom_init(void*, unsigned seed) {
  auto* state = static_cast<State*>(malloc(sizeof(State)));
  if (state) state->seed = hak::u64{seed} << 32;
  return state;
}

void afl_custom_deinit(void* state) { free(state); }

std::size_t afl_custom_fuzz(void* state, u8* data, std::size_t size, u8** out, u8* other,
                            std::size_t other_size, std::size_t max_size) {
  auto* own = static_cast<State*>(state);
  if (max_size > kMostBytes) max_size = kMostBytes;
  if (size > max_size) size = max_size;
  memcpy(own->buffer, data, size);
  *out = own->buffer;
  return hak::fuzz::mutate_script(own->buffer, size, max_size, other, other_size, ++own->seed);
}
