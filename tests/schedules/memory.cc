#include "memory.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace hak::schedule {

namespace {
bool acquires(Order order) {
  return order == kAcquire || order == kAcqRel || order == kSeqCst;
}
bool releases(Order order) {
  return order == kRelease || order == kAcqRel || order == kSeqCst;
}
}  // namespace

void Memory::reset() {
  for (u32 i = 0; i < used_; ++i) {
    u32 at = static_cast<u32>(words_[i].address * 0x9e3779b97f4a7c15ULL >> 40) % kBuckets;
    while (buckets_[at] != 0) {
      buckets_[at] = 0;
      at = (at + 1) % kBuckets;
    }
  }
  for (auto& view : views_) std::fill_n(view.begin(), used_, u16{0});
  used_ = 0;
}

u32 Memory::word_of(const void* at, u64 now) {
  const u64 address = address_of(at);
  u32 bucket = static_cast<u32>(address * 0x9e3779b97f4a7c15ULL >> 40) % kBuckets;
  for (; buckets_[bucket] != 0; bucket = (bucket + 1) % kBuckets)
    if (words_[buckets_[bucket] - 1].address == address) return buckets_[bucket] - 1;
  if (used_ == kMaxWords) {
    std::fprintf(stderr, "schedules: more than %u shared words in one run\n", kMaxWords);
    std::abort();
  }
  if (used_ == words_.size()) words_.emplace_back();
  Word& word = words_[used_];
  word.address = address;
  word.last_write = -1;
  word.reads.fill(-1);
  word.written = word.touched = Clock{};
  word.holder = -1;
  word.history.clear();
  word.history.push_back({now, false, {}});
  word.last_seq_cst = 0;
  buckets_[bucket] = ++used_;
  return used_ - 1;
}

u32 Memory::oldest(int thread, u32 word, Order order) const {
  const u32 seen = views_[static_cast<std::size_t>(thread)][word];
  const Word& w = words_[word];
  return order == kSeqCst && w.last_seq_cst > seen ? w.last_seq_cst : seen;
}

u32 Memory::choices(int thread, u32 word, Order order) const {
  return static_cast<u32>(words_[word].history.size()) - oldest(thread, word, order);
}

void Memory::take_view(int thread, const std::vector<u16>& view) {
  auto& own = views_[static_cast<std::size_t>(thread)];
  for (std::size_t i = 0; i < view.size(); ++i)
    if (view[i] > own[i]) own[i] = view[i];
}

u64 Memory::read(int thread, u32 word, u32 choice, Order order) {
  Word& w = words_[word];
  const u32 index = static_cast<u32>(w.history.size()) - 1 - choice;
  views_[static_cast<std::size_t>(thread)][word] = static_cast<u16>(index);
  if (order == kSeqCst && index > w.last_seq_cst) w.last_seq_cst = index;
  const Word::Write& from = w.history[index];
  if (acquires(order) && from.carries) take_view(thread, from.view);
  return from.value;
}

void Memory::write(int thread, u32 word, u64 value, Order order, bool modify) {
  Word& w = words_[word];
  auto& own = views_[static_cast<std::size_t>(thread)];
  Word::Write next{value, false, {}};
  if (modify) {
    // Reads the newest; what it carries stays with the release sequence.
    const Word::Write& from = w.history.back();
    if (from.carries) {
      next.carries = true;
      next.view = from.view;
      if (acquires(order)) take_view(thread, from.view);
    }
  }
  own[word] = static_cast<u16>(w.history.size());
  if (releases(order)) {
    next.carries = true;
    if (next.view.size() < used_) next.view.resize(used_, 0);
    for (u32 i = 0; i < used_; ++i)
      if (own[i] > next.view[i]) next.view[i] = own[i];
  }
  if (order == kSeqCst) w.last_seq_cst = static_cast<u32>(w.history.size());
  w.history.push_back(std::move(next));
}

void Memory::lock(int thread, u32 word) {
  words_[word].holder = thread;
  const Word::Write& last = words_[word].history.back();
  if (last.carries) take_view(thread, last.view);
}

void Memory::unlock(int thread, u32 word, Order order) {
  words_[word].holder = -1;
  write(thread, word, 0, order, true);
}

}  // namespace hak::schedule
