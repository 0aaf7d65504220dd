// The mutator as libFuzzer calls it. One change in four stays libFuzzer's own: it knows its dictionary.
#include "mutator.h"

using hak::u8;

extern "C" std::size_t LLVMFuzzerMutate(u8* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(u8* data, std::size_t size, std::size_t max_size,
                                               unsigned seed);
extern "C" std::size_t LLVMFuzzerCustomCrossOver(const u8* data, std::size_t size, const u8* other,
                                                 std::size_t other_size, u8* out,
                                                 std::size_t max_size, unsigned seed);

std::size_t LLVMFuzzerCustomMutator(u8* data, std::size_t size, std::size_t max_size, unsigned seed) {
  if (seed % 4 == 0) return LLVMFuzzerMutate(data, size, max_size);
  return hak::fuzz::mutate_script(data, size, max_size, nullptr, 0, seed);
}

std::size_t LLVMFuzzerCustomCrossOver(const u8* data, std::size_t size, const u8* other,
                                      std::size_t other_size, u8* out, std::size_t max_size,
                                      unsigned seed) {
  if (size > max_size) size = max_size;
  __builtin_memcpy(out, data, size);
  return hak::fuzz::mutate_script(out, size, max_size, other, other_size, seed);
}
