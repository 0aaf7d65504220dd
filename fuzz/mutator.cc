#include "mutator.h"

#include <string.h>

#include "base/random.h"
#include "common.h"

namespace hak::fuzz {
namespace {

using props::kOpBytes;
constexpr std::size_t kFront = kChoiceBytes + props::kHeaderBytes;
constexpr u64 kMostChanges = 4;
constexpr std::size_t kLongestRun = 16;

class Mutation {
 public:
  Mutation(u8* data, std::size_t size, std::size_t max_size, u64 seed)
      : data_(data), ops_(size > kFront ? (size - kFront) / kOpBytes : 0),
        most_((max_size - kFront) / kOpBytes), random_(seed) {
    if (size < kFront) memset(data + size, 0, kFront - size);
  }

  std::size_t run(const u8* other, std::size_t other_size) {
    for (u64 left = 1 + random_.below(kMostChanges); left > 0; --left) change(other, other_size);
    return kFront + ops_ * kOpBytes;
  }

 private:
  u8* op(std::size_t index) { return data_ + kFront + index * kOpBytes; }
  std::size_t any(std::size_t bound) { return random_.below(static_cast<u32>(bound)); }
  u8 byte() { return static_cast<u8>(random_.next() >> 32); }

  void change(const u8* other, std::size_t other_size) {
    if (ops_ == 0) return insert(0);
    switch (random_.below(16)) {
      case 0: data_[any(kFront)] = byte(); return;
      case 1:
      case 2:
      case 3: return insert(any(ops_ + 1));
      case 4:
      case 5: return misuse();
      case 6: return remove();
      case 7: return duplicate();
      case 8: return swap();
      case 9:
      case 10: return splice(other, other_size);
      case 11: op(any(ops_))[0] = byte(); return;
      default: return tweak(op(any(ops_)));
    }
  }

  /// Room for `count` operations at `at`; false if there is none.
  bool open(std::size_t at, std::size_t count) {
    if (ops_ + count > most_) return false;
    memmove(op(at + count), op(at), (ops_ - at) * kOpBytes);
    ops_ += count;
    return true;
  }

  /// A new operation, more often than not on a slot that another operation names.
  void insert(std::size_t at) {
    const u8 place = ops_ && random_.below(4) ? op(any(ops_))[1] : byte();
    if (!open(at, 1)) return tweak(op(any(ops_)));
    for (std::size_t i = 0; i < kOpBytes; ++i) op(at)[i] = byte();
    op(at)[1] = place;
  }

  /// Something else with the same slot, soon after: where double frees, stale pointers and reuse lie.
  void misuse() {
    const std::size_t first = any(ops_);
    const u8 place = op(first)[1];
    const std::size_t at = first + 1 + any(ops_ - first < 4 ? ops_ - first : 4);
    if (!open(at, 1)) return remove();
    for (std::size_t i = 0; i < kOpBytes; ++i) op(at)[i] = byte();
    op(at)[1] = random_.below(4) ? place : static_cast<u8>(place ^ (1U + random_.below(3)) << 5);
  }

  void remove() {
    const std::size_t at = any(ops_);
    const std::size_t count = 1 + any(ops_ - at < kLongestRun ? ops_ - at : kLongestRun);
    memmove(op(at), op(at + count), (ops_ - at - count) * kOpBytes);
    ops_ -= count;
  }

  void duplicate() {
    const std::size_t at = any(ops_);
    const std::size_t count = 1 + any(ops_ - at < kLongestRun ? ops_ - at : kLongestRun);
    if (open(at + count, count)) memcpy(op(at + count), op(at), count * kOpBytes);
  }

  void swap() {
    u8* left = op(any(ops_));
    u8* right = op(any(ops_));
    u8 kept[kOpBytes];
    memcpy(kept, left, kOpBytes);
    memmove(left, right, kOpBytes);
    memcpy(right, kept, kOpBytes);
  }

  void splice(const u8* other, std::size_t other_size) {
    const std::size_t theirs = other_size > kFront ? (other_size - kFront) / kOpBytes : 0;
    if (theirs == 0) return duplicate();
    const std::size_t from = any(theirs);
    const std::size_t count = 1 + any(theirs - from);
    const std::size_t at = any(ops_ + 1);
    if (open(at, count)) memcpy(op(at), other + kFront + from * kOpBytes, count * kOpBytes);
  }

  void tweak(u8* operation) {
    switch (random_.below(6)) {
      case 0: operation[1] = static_cast<u8>((operation[1] & 0xe0) | (byte() & 0x1f)); return;
      case 1: operation[1] = static_cast<u8>((operation[1] & 0x1f) | (byte() & 0x60)); return;
      case 2: operation[2] = byte(); return;
      case 3: operation[3] = byte(); return;
      case 4: operation[4] = byte(); return;
      default: operation[3] = static_cast<u8>(operation[3] + (random_.below(2) ? 1 : -1)); return;
    }
  }

  u8* data_;
  std::size_t ops_;
  std::size_t most_;
  Random random_;
};

}  // namespace

std::size_t mutate_script(u8* data, std::size_t size, std::size_t max_size, const u8* other,
                          std::size_t other_size, u64 seed) {
  if (max_size < kFront + kOpBytes) return size < max_size ? size : max_size;
  return Mutation(data, size < max_size ? size : max_size, max_size, seed).run(other, other_size);
}

}  // namespace hak::fuzz
