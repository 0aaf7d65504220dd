// What the process says of itself, against what the program holds.
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <set>
#include <type_traits>

#include "abi/process.h"
#include "core/tracker.h"
#include "hakmem.h"
#include "system/c_abi.h"
#include "system/kernel_os.h"
#include "system/prefixed.h"

namespace hak::props {
namespace {

/// Where the trace is, out of the way of the program's own descriptors.
constexpr int kFirstTraceFd = 600;

std::string differs(const char* what, u64 said, u64 held) {
  return std::string(what) + " says " + std::to_string(said) + ", held are " + std::to_string(held);
}

std::string check_statistics(const hakmem_stats& stats, const Holdings& held) {
  if (stats.live_blocks != held.count()) return differs("live_blocks", stats.live_blocks, held.count());
  if (stats.live_bytes != held.room()) return differs("live_bytes", stats.live_bytes, held.room());
  if (stats.committed_bytes > stats.reserved_bytes) return "more is committed than reserved";
  if (stats.slab_bytes + stats.large_bytes + stats.free_dirty_bytes + stats.free_clean_bytes > stats.committed_bytes)
    return "the spans hold more than what is committed";
  if (g_heap.ready && stats.threads == 0) return "no thread has a cache";
  return "";
}

template <typename Info>
std::string check_mallinfo(const Info& info, const hakmem_stats& stats, const Holdings& held) {
  using Field = decltype(info.arena);
  const auto as = [](u64 value) { return static_cast<std::remove_const_t<Field>>(value); };
  if (info.uordblks != as(held.room())) return "uordblks is not what is held";
  if (info.hblks != as(held.large_count())) return "hblks is not the number of large blocks";
  if (info.hblkhd != as(stats.large_bytes)) return "hblkhd is not large_bytes";
  if (info.arena != as(stats.slab_bytes + stats.free_dirty_bytes)) return "arena is not the heap's bytes";
  if (info.ordblks != as(stats.cached_blocks + stats.slab_free_blocks)) return "ordblks is not the free slots";
  if (info.keepcost != as(stats.free_dirty_bytes)) return "keepcost is not what a trim gives back";
  const u64 spans = stats.slab_bytes + stats.large_bytes;
  if (info.fordblks != as(spans > held.room() ? spans - held.room() : 0)) return "fordblks is not the rest";
  return info.smblks || info.usmblks || info.fsmblks ? "a field without meaning is not 0" : "";
}

std::string check_malloc_info(const hakmem_stats& stats, const Holdings& held) {
  if (hk_malloc_info(1, stderr) != -1 || errno != EINVAL) return "malloc_info takes options";
  char* text = nullptr;
  std::size_t size = 0;
  FILE* stream = open_memstream(&text, &size);
  const int result = hk_malloc_info(0, stream);
  fclose(stream);
  const std::string said(text, size);
  free(text);
  if (result != 0) return "malloc_info fails";
  const auto total = [](const char* type, u64 count) {
    return std::string("<total type=\"") + type + "\" count=\"" + std::to_string(count) + "\"";
  };
  for (const std::string& line :
       {total("live", held.count()) + " size=\"" + std::to_string(held.room()) + "\"/>", total("cached", stats.cached_blocks),
        total("remote", stats.remote_blocks), total("free", stats.slab_free_blocks), total("large", held.large_count())})
    if (said.find(line) == std::string::npos) return "malloc_info lacks " + line + " in " + said;
  char nothing[1];
  FILE* full = fmemopen(nothing, 1, "w");
  setvbuf(full, nullptr, _IONBF, 0);
  const int refused = hk_malloc_info(0, full);
  fclose(full);
  return refused == 0 ? "malloc_info says 0 of a stream that takes nothing" : "";
}

std::string check_malloc_stats(const std::string& said, const Holdings& held) {
  const std::string live = "live blocks       " + std::to_string(held.count()) + ", " + std::to_string(held.room()) + " bytes\n";
  if (said.find(live) == std::string::npos) return "malloc_stats lacks \"" + live + "\" in " + said;
  return said.compare(0, strlen(hakmem_build_info()), hakmem_build_info()) == 0 ? "" : "malloc_stats has no build";
}

std::string check_walk(const Holdings& held) {
  struct Walk {
    const Holdings* held;
    std::set<void*> seen;
    const char* wrong = nullptr;
  } walk{&held, {}, nullptr};
  hakmem_walk(
      [](void* block, std::size_t usable, void* to) {
        auto* at = static_cast<Walk*>(to);
        if (!at->seen.insert(block).second) at->wrong = "the walk shows a block twice";
        if (at->held->room_of(block) != usable) at->wrong = "the walk shows a block that is not held";
      },
      &walk);
  if (walk.wrong) return walk.wrong;
  return walk.seen.size() == held.count() ? "" : differs("the walk", walk.seen.size(), held.count());
}

std::string check_options() {
  struct Seen {
    std::set<std::string> names;
    std::string wrong;
  } seen;
  hakmem_option_each(
      [](const char* name, const char* value, const char* accepted, const char* description, void* to) {
        auto* at = static_cast<Seen*>(to);
        char text[64];
        if (!at->names.insert(name).second) at->wrong = "an option twice";
        if (hakmem_option_get(name, text, sizeof text) != 0 || strcmp(text, value) != 0)
          at->wrong = std::string(name) + " has two values";
        if (hakmem_option_get(name, text, 0) != ERANGE) at->wrong = "a buffer of no bytes is taken";
        if (strlen(value) > 1 && hakmem_option_get(name, text, strlen(value)) != ERANGE)
          at->wrong = "a buffer that is too small is taken";
        if (!*accepted || !*description) at->wrong = std::string(name) + " is not described";
      },
      &seen);
  char text[64];
  if (hakmem_option_get("HAKMEM_NO_SUCH", text, sizeof text) != EINVAL || hakmem_option_get(nullptr, text, 1) != EINVAL)
    return "an unknown option has a value";
  if (hakmem_option_set(nullptr, "1") != EINVAL || hakmem_option_set("HAKMEM_GUARDS", nullptr) != EINVAL)
    return "an option is set without a name or a value";
  return !seen.wrong.empty() ? seen.wrong : seen.names.size() == kOptionCount ? "" : "not all options were shown";
}

std::string check_heap_profile(const Holdings& held) {
  const int fd = memfd_create("profile", 0);
  if (fd < 0) return "";  // the descriptors were closed
  const int error = hakmem_heap_profile(fd);
  std::string text(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), 0);
  const bool read = pread(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  close(fd);
  const bool stacks = g_heap.tracker && g_heap.tracker->tables().frames;
  if (error == ENOTSUP && KernelOs::failures()) return "";
  if (error != (stacks ? 0 : ENOTSUP)) return "heap_profile returned " + std::to_string(error);
  if (!stacks) return text.empty() ? "" : "a heap profile without stacks";
  const std::string first = "heap profile: " + std::to_string(held.count()) + ": ";
  return read && text.compare(0, first.size(), first) == 0 ? "" : "the heap profile has another total: " + text.substr(0, 80);
}

}  // namespace

std::string CAbiSystem::ask(unsigned thread, Question question, const Holdings& held) {
  contexts_[thread].interrupts = 0;
  if (question == Question::kCloseDescriptors) {
    for (int fd = kFirstTraceFd; fd < kFirstTraceFd + 16; ++fd) close(fd);
    forbid_opening(true);
    descriptors_closed_ = true;
    return "";
  }
  said_ += read_errors();
  std::string wrong = in(thread, [&]() -> std::string {
    hakmem_stats stats;
    hakmem_stats_get(&stats);
    switch (question) {
      case Question::kStatistics: return is_libc() ? "" : check_statistics(stats, held);
      case Question::kMallinfo: return is_libc() ? "" : check_mallinfo(hk_mallinfo(), stats, held);
      case Question::kMallinfo2: return is_libc() ? "" : check_mallinfo(hk_mallinfo2(), stats, held);
      case Question::kMallocInfo: return is_libc() ? "" : check_malloc_info(stats, held);
      case Question::kMallocStats:
        hk_malloc_stats();
        return "";
      case Question::kWalk: return is_libc() ? "" : check_walk(held);
      case Question::kVerify: return hakmem_verify() ? hakmem_verify() : "";
      case Question::kOptions: return check_options();
      case Question::kBuildInfo: return strncmp(hakmem_build_info(), "hakmem ", 7) == 0 ? "" : "no build info";
      case Question::kHeapProfile: return check_heap_profile(held);
      default: break;
    }
    const int given = question == Question::kTrim ? hk_malloc_trim(0) : hakmem_purge();
    hakmem_stats after;
    hakmem_stats_get(&after);
    if (after.live_blocks != stats.live_blocks || after.live_bytes != stats.live_bytes) return "a purge took live blocks";
    if (given != (after.purge_calls != stats.purge_calls)) return "a purge says " + std::to_string(given);
    return after.free_dirty_bytes && !KernelOs::failures() ? "a purge left dirty spans" : "";
  });
  if (question == Question::kMallocStats && !is_libc() && wrong.empty()) wrong = check_malloc_stats(read_errors(), held);
  return wrong;
}

std::string CAbiSystem::set_option_text(Variable variable, const char* value) {
  const char* name = variable_name(variable);
  int want = EINVAL;
  bool known = false;
  OptionId id = OptionId::kProfile;
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    id = static_cast<OptionId>(i);
    if ((known = strcmp(option_info(id).name, name) == 0)) break;
  }
  if (known && is_accepted(variable, value)) want = option_info(id).change == OptionChange::kRun ? 0 : EPERM;
  char before[64] = {}, after[64] = {};
  if (known) hakmem_option_get(name, before, sizeof before);
  if (const int error = hakmem_option_set(name, value); error != want)
    return std::string("setting ") + name + " returns " + std::to_string(error) + ", must be " + std::to_string(want);
  if (!known) return "";
  hakmem_option_get(name, after, sizeof after);
  if (want != 0) return strcmp(before, after) == 0 ? "" : "an option changed although it was refused";
  const bool number = value[0] >= '0' && value[0] <= '9';
  const bool taken = number ? strtoull(after, nullptr, 10) == strtoull(value, nullptr, 0) : strcmp(after, value) == 0;
  return taken ? "" : std::string(name) + " is " + after + " after it was set to " + value;
}

/// glibc's parameters are taken, whatever they mean there.
std::string CAbiSystem::mallopt(int parameter, int value) {
  const bool known = parameter <= M_TRIM_THRESHOLD && parameter >= M_ARENA_MAX;
  const int want = parameter == M_MXFAST ? value <= 160 : known;
  const int result = hk_mallopt(parameter, value);
  return result == want ? "" : "mallopt(" + std::to_string(parameter) + ") is " + std::to_string(result);
}

}  // namespace hak::props
