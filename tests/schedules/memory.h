#pragma once
// Shared words as the explorer sees them, and which values a load may read.
//
// The weak model is C++20's release/acquire/relaxed/seq_cst (31.4) run by views, as in Kaiser et al.,
// Strong Logic for Weak Memory, ECOOP 2017, and Podkopaev et al.: every word has the history of its
// writes; every thread has a view, the oldest write of each word that it may still read; a release
// write carries its thread's view, an acquire read takes it over. A seq_cst load reads nothing older
// than the last seq_cst access of the word left.
//
// What it does not produce: a write that takes effect behind one that was executed after it (2+2W), a
// load that runs before the thread's earlier loads' values are known (load buffering), and an exchange
// that fails by reading an old value.
#include <array>
#include <vector>

#include "base/atomic.h"

namespace hak::schedule {

inline constexpr int kThreads = 3;
using Clock = std::array<u32, kThreads>;

inline void join(Clock& into, const Clock& from) {
  for (std::size_t t = 0; t < into.size(); ++t)
    if (from[t] > into[t]) into[t] = from[t];
}

/// One shared word: who touched it last (for races), and its history (weak model).
struct Word {
  u64 address = 0;
  int last_write = -1;               ///< events by index; -1: none
  std::array<int, kThreads> reads;   ///< since the last write
  Clock written = {}, touched = {};
  int holder = -1;                   ///< of a lock

  struct Write {
    u64 value;
    bool carries;                    ///< a release write, or a later part of its release sequence
    std::vector<u16> view;
  };
  std::vector<Write> history;
  u32 last_seq_cst = 0;
};

class Memory {
 public:
  void reset();
  /// The word at the address; `now` is what it holds if this is its first access.
  u32 word_of(const void* at, u64 now);
  Word& operator[](u32 word) { return words_[word]; }

  /// How many values the load may read; 0 is the newest.
  u32 choices(int thread, u32 word, Order order) const;
  u64 read(int thread, u32 word, u32 choice, Order order);
  void write(int thread, u32 word, u64 value, Order order, bool modify);
  void lock(int thread, u32 word);
  void unlock(int thread, u32 word, Order order);

 private:
  static constexpr u32 kMaxWords = 2048;
  static constexpr u32 kBuckets = 8192;
  u32 oldest(int thread, u32 word, Order order) const;
  void take_view(int thread, const std::vector<u16>& view);

  std::vector<Word> words_;
  u32 used_ = 0;
  std::vector<u32> buckets_ = std::vector<u32>(kBuckets, 0);  // word + 1
  std::array<std::array<u16, kMaxWords>, kThreads> views_ = {};
};

}  // namespace hak::schedule
