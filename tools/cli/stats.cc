// hakmem stats: a running process by classes, or a trace.
#include "process.h"

#include <fmt/core.h>
#include <string.h>

#include <nlohmann/json.hpp>

#include "abi/trace_format.h"
#include "backing/slot_state.h"
#include "backing/span.h"
#include "cli.h"
#include "trace.h"

using nlohmann::json;

namespace hak::cli {
namespace {

struct ClassCounts {
  u64 slabs = 0, slots = 0, live = 0, free = 0, remote = 0, cached = 0, withheld = 0, bytes = 0;
};

struct HeapPicture {
  std::vector<ClassCounts> classes;
  std::vector<u32> strides;
  u64 large_live = 0, large_live_bytes = 0, large_requested = 0, large_cached_bytes = 0;
  u64 slab_bytes = 0, large_bytes = 0, free_dirty = 0, free_clean = 0, live_bytes = 0;
  u64 threads = 0, committed = 0, resident = 0;
  u64 counters[7] = {};
};

constexpr const char* kCounters[] = {"mallocs", "frees", "refills", "flushes", "exchanges", "remote_frees",
                                     "remote_collected"};

template <typename T>
T field(const std::vector<char>& bytes, std::size_t at) {
  T value;
  memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// The records of a slab's granules, where they are kept.
std::vector<char> records_of(const Process& process, u64 unit, u32 units) {
  const Layout& layout = process.layout();
  const u64 per_unit = layout.unit_bytes / layout.granule_bytes;
  if (!layout.records || (unit + units) * per_unit > process.value<u64>(layout.records_committed_at)) return {};
  return process.array<char>(layout.records + unit * per_unit * layout.record_bytes,
                             units * per_unit * layout.record_bytes);
}

/// In quarantine a slot's state is live still; its record says that it was freed.
bool is_withheld(const Layout& layout, const std::vector<char>& records, std::size_t granule) {
  const std::size_t at = granule * layout.record_bytes;
  return !records.empty() && !field<u8>(records, at + layout.record_live) &&
         field<u32>(records, at + layout.record_free_thread) != 0;
}

void count_slab(const Process& process, const std::vector<char>& spans, std::size_t span, u64 unit,
                HeapPicture* picture) {
  const Layout& layout = process.layout();
  const u8 index = field<u8>(spans, span + layout.span_class);
  if (index >= picture->classes.size()) return;
  ClassCounts& counts = picture->classes[index];
  const u32 units = field<u32>(spans, span + layout.span_units);
  const u32 stride = field<u32>(spans, span + layout.span_stride);
  const u32 carved = field<u32>(spans, span + layout.span_carved);
  ++counts.slabs;
  counts.slots += field<u32>(spans, span + layout.span_slots);
  counts.bytes += u64{units} * layout.unit_bytes;
  const u64 begin = layout.base + unit * layout.unit_bytes;
  const auto states = process.array<u8>(layout.state + unit * layout.unit_bytes / layout.granule_bytes,
                                        std::size_t{units} * layout.unit_bytes / layout.granule_bytes);
  const auto records = records_of(process, unit, units);
  const u64 first = field<u64>(spans, span + layout.span_start) - begin;
  for (u32 slot = 0; slot < carved; ++slot) {
    const std::size_t granule = (first + u64{slot} * stride) / layout.granule_bytes;
    if (granule >= states.size()) break;
    switch (state_kind(states[granule])) {
      case kLiveBits: ++(is_withheld(layout, records, granule) ? counts.withheld : counts.live); break;
      case kRemoteBits: ++counts.remote; break;
      default: ++counts.free; break;
    }
  }
}

void count_large(const Process& process, const std::vector<char>& spans, std::size_t span, HeapPicture* picture) {
  const Layout& layout = process.layout();
  const u64 start = field<u64>(spans, span + layout.span_start);
  const u64 bytes = field<u64>(spans, span + layout.span_block);
  const u8 state = process.value<u8>(layout.state + (start - layout.base) / layout.granule_bytes);
  picture->large_bytes += u64{field<u32>(spans, span + layout.span_units)} * layout.unit_bytes;
  if (state == kLargeLive) {
    ++picture->large_live;
    picture->large_live_bytes += bytes;
    picture->large_requested += field<u64>(spans, span + layout.span_requested);
  } else {
    picture->large_cached_bytes += bytes;
  }
}

void count_spans(const Process& process, HeapPicture* picture) {
  const Layout& layout = process.layout();
  const u32 frontier = process.value<u32>(layout.frontier_at);
  const auto spans = process.array<char>(layout.spans, std::size_t{frontier} * layout.span_bytes);
  for (u64 unit = 0; unit < frontier;) {
    const std::size_t span = unit * layout.span_bytes;
    const u32 units = field<u32>(spans, span + layout.span_units);
    if (units == 0 || units > frontier - unit) break;
    switch (static_cast<SpanKind>(field<u8>(spans, span + layout.span_kind))) {
      case SpanKind::kSlab:
        picture->slab_bytes += u64{units} * layout.unit_bytes;
        count_slab(process, spans, span, unit, picture);
        break;
      case SpanKind::kLarge: count_large(process, spans, span, picture); break;
      case SpanKind::kFree:
        (field<u8>(spans, span + layout.span_dirty) ? picture->free_dirty : picture->free_clean) +=
            u64{units} * layout.unit_bytes;
        break;
      case SpanKind::kNone: break;
    }
    unit += units;
  }
  picture->committed = u64{frontier} * layout.unit_bytes;
}

/// Slots in both magazines of a class, from where their tops point in their blocks.
u64 count_magazines(const Layout& layout, const std::vector<char>& cache, unsigned size_class) {
  const std::size_t pair = layout.cache_pairs + std::size_t{size_class} * layout.cache_pair_bytes;
  const auto slots_above = [&](u64 top) {
    const u64 used = top & (layout.magazine_bytes - 1);
    return used ? (layout.magazine_bytes - used) / 8 : 0;
  };
  return slots_above(field<u64>(cache, pair)) + slots_above(field<u64>(cache, pair + layout.cache_pair_free));
}

void count_caches(const Process& process, HeapPicture* picture) {
  const Layout& layout = process.layout();
  u64 at = process.value<u64>(layout.caches_at);
  std::size_t bytes = 0;
  for (const u32 end : {layout.cache_id + 4, layout.cache_next + 8, layout.cache_in_use + 1,
                        layout.cache_counters + u32{sizeof picture->counters}})
    bytes = std::max<std::size_t>(bytes, end);
  for (unsigned guard = 0; at && guard < 1'000'000; ++guard) {
    const auto cache = process.array<char>(at, bytes);
    picture->threads += field<u8>(cache, layout.cache_in_use) != 0;
    for (unsigned i = 0; i < 7; ++i) picture->counters[i] += field<u64>(cache, layout.cache_counters + i * 8);
    for (unsigned c = 0; c < picture->classes.size(); ++c)
      picture->classes[c].cached += count_magazines(layout, cache, c);
    at = field<u64>(cache, layout.cache_next);
  }
}

HeapPicture look_at(const Process& process) {
  HeapPicture picture;
  const Layout& layout = process.layout();
  picture.classes.resize(layout.class_count);
  picture.strides = process.array<u32>(layout.strides, layout.class_count);
  count_spans(process, &picture);
  count_caches(process, &picture);
  for (unsigned c = 0; c < picture.classes.size(); ++c)
    picture.live_bytes += picture.classes[c].live * (picture.strides[c] - 1);
  picture.live_bytes += picture.large_live_bytes;
  picture.resident = process.resident_bytes(layout.base, layout.base + picture.committed);
  return picture;
}

/// Share of the resident memory that holds no live block.
double fragmentation(const HeapPicture& picture) {
  if (picture.resident == 0 || picture.live_bytes >= picture.resident) return 0;
  return 1 - static_cast<double>(picture.live_bytes) / static_cast<double>(picture.resident);
}

json picture_json(const Process& process, const HeapPicture& picture, int id) {
  json classes = json::array();
  for (unsigned c = 0; c < picture.classes.size(); ++c) {
    const ClassCounts& counts = picture.classes[c];
    if (!counts.slabs) continue;
    classes.push_back({{"class", c}, {"usable_bytes", picture.strides[c] - 1}, {"slabs", counts.slabs},
                       {"slots", counts.slots}, {"live", counts.live}, {"remote", counts.remote},
                       {"cached", counts.cached}, {"withheld", counts.withheld}, {"slab_bytes", counts.bytes}});
  }
  json out = {{"process", id}, {"build", process.text(process.layout().build_info)}, {"library", process.library()},
              {"live_bytes", picture.live_bytes}, {"resident_bytes", picture.resident},
              {"committed_bytes", picture.committed}, {"slab_bytes", picture.slab_bytes},
              {"large_bytes", picture.large_bytes}, {"large_blocks", picture.large_live},
              {"large_cached_bytes", picture.large_cached_bytes}, {"free_dirty_bytes", picture.free_dirty},
              {"free_clean_bytes", picture.free_clean}, {"threads", picture.threads},
              {"fragmentation", fragmentation(picture)}, {"classes", classes}};
  for (unsigned i = 0; i < 7; ++i) out["counters"][kCounters[i]] = picture.counters[i];
  return out;
}

void print_picture(const Process& process, const HeapPicture& picture, int id) {
  const Colours& c = colours();
  fmt::print("{}process {}{}  {}\n", c.bold, id, c.off, process.text(process.layout().build_info));
  const auto line = [](const char* name, u64 bytes) { fmt::print("  {:<18}{:>14}\n", name, bytes); };
  line("live bytes", picture.live_bytes);
  line("resident bytes", picture.resident);
  line("committed bytes", picture.committed);
  line("in slabs", picture.slab_bytes);
  line("in large blocks", picture.large_bytes);
  line("free, dirty", picture.free_dirty);
  line("free, clean", picture.free_clean);
  line("threads", picture.threads);
  fmt::print("  {:<18}{:>13.1f}%\n", "fragmentation", 100 * fragmentation(picture));
  fmt::print("\n{}{:>8}{:>8}{:>10}{:>10}{:>9}{:>9}{:>10}{}\n", c.dim, "usable", "slabs", "slots", "live", "cached",
             "remote", "withheld", c.off);
  for (unsigned i = 0; i < picture.classes.size(); ++i) {
    const ClassCounts& counts = picture.classes[i];
    if (!counts.slabs) continue;
    fmt::print("{:>8}{:>8}{:>10}{:>10}{:>9}{:>9}{:>10}\n", picture.strides[i] - 1, counts.slabs, counts.slots,
               counts.live, counts.cached, counts.remote, counts.withheld);
  }
  if (picture.large_live || picture.large_cached_bytes)
    fmt::print("   large{:>28} live, {} bytes; {} bytes cached\n", picture.large_live, picture.large_live_bytes,
               picture.large_cached_bytes);
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

int stats_command(const StatsChoices& choices) {
  if (!is_number(choices.subject)) return trace_stats(choices.subject, choices.json);
  const int id = std::stoi(choices.subject);
  const Process process(id);
  if (process.layout().process_state == 2)
    throw Failure(fmt::format("process {} hands every call to libc (HAKMEM_FORCE_LIBC)", id));
  const HeapPicture picture = look_at(process);
  if (choices.json) {
    fmt::print("{}\n", picture_json(process, picture, id).dump(2));
  } else {
    print_picture(process, picture, id);
  }
  return 0;
}

}  // namespace hak::cli
