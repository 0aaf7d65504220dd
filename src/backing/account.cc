// The arena walked from end to end: statistics and verification.
#include "backing/arena.h"

namespace hak {

void Arena::stats(ArenaStats* out) {
  Locked locked(lock);
  *out = {};
  out->reserved_bytes = reserved_bytes_;
  out->committed_bytes = std::size_t{committed_} * kUnitBytes;
  out->free_dirty_bytes = free_bytes_[1];
  out->free_clean_bytes = free_bytes_[0];
  out->purge_calls = purge_calls_.load(kRelaxed);
  for (u32 at = 0; at < frontier_ && spans_[at].units; at += spans_[at].units) {
    const std::size_t bytes = std::size_t{spans_[at].units} * kUnitBytes;
    if (kind_of(spans_[at]) == SpanKind::kSlab) out->slab_bytes += bytes;
    if (kind_of(spans_[at]) != SpanKind::kLarge) continue;
    if (byte_load(state_of(spans_[at].start)) == kLargeLive) {
      out->large_bytes += bytes;
      ++out->large_count;
    } else {
      out->large_cached_bytes += bytes;
    }
  }
}

bool Arena::verify() {
  Locked locked(lock);
  std::size_t free_bytes[2] = {};
  u32 at = 0;
  while (at < frontier_) {
    const Span& span = spans_[at];
    if (span.units == 0 || span_of_[at] != at || span_of_[at + span.units - 1] != at) return false;
    if (kind_of(span) == SpanKind::kFree) {
      free_bytes[span.dirty] += std::size_t{span.units} * kUnitBytes;
      const u32 behind = at + span.units;
      if (behind < frontier_ && kind_of(spans_[behind]) == SpanKind::kFree &&
          spans_[behind].dirty == span.dirty)
        return false;
    }
    at += span.units;
  }
  for (const bool dirty : {false, true})
    for (unsigned bin = 0; bin < kFreeBins; ++bin)
      if (bins_[dirty][bin].empty() == ((filled_bins_[dirty] >> bin & 1) != 0)) return false;
  return at == frontier_ && frontier_ <= committed_ && committed_ <= limit_ &&
         free_bytes[0] == free_bytes_[0] && free_bytes[1] == free_bytes_[1];
}

}  // namespace hak
