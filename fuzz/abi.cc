// The argument rules of the C entry points, over raw arguments: what must be refused and with which
// errno, alignment, usable size, zeroing, and that errno is otherwise left alone. Twelve bytes a call.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <thread>

#include "base/options.h"
#include "common.h"
#include "hakmem.h"
#include "system/prefixed.h"

using namespace hak;

namespace {

constexpr std::size_t kCallBytes = 12;
constexpr std::size_t kPointers = 16;
/// More than this is refused by the limit below, or left out.
constexpr std::size_t kServed = std::size_t{1} << 26;
constexpr std::size_t kMost = static_cast<std::size_t>(PTRDIFF_MAX);

void* g_held[kPointers];

void demand(bool condition, const char* what, u64 a, u64 b) {
  if (condition) return;
  std::fprintf(stderr, "%s (arguments %llu, %llu; errno %d)\n", what, static_cast<unsigned long long>(a),
               static_cast<unsigned long long>(b), errno);
  abort();
}

u64 power_or_raw(u64 raw) { return raw % 3 ? u64{1} << (raw % 64) : raw; }
u64 product(u64 a, u64 b, bool* overflow) {
  u64 result = 0;
  *overflow = __builtin_mul_overflow(a, b, &result);
  return result;
}

/// A call that asks for `bytes`: refused above PTRDIFF_MAX, served below the limit, and then usable.
void check_result(void* p, u64 bytes, u64 alignment, const char* what) {
  if (bytes > kMost || alignment > kMost) demand(!p && errno == ENOMEM, what, bytes, alignment);
  if (bytes <= kServed && alignment <= kServed) demand(p && errno == 0, what, bytes, alignment);
  if (!p) return;
  demand(address_of(p) % (alignment > 16 ? alignment : 16) == 0, "alignment", bytes, alignment);
  const std::size_t usable = hk_malloc_usable_size(p);
  demand(usable >= bytes || bytes > kServed, "usable size", bytes, usable);
  if (bytes) {
    static_cast<char*>(p)[0] = 1;
    static_cast<char*>(p)[bytes - 1] = 1;
  }
}

/// Four bytes and a fifth that shifts or inverts them: few bytes reach the whole range.
u64 argument(const u8* bytes) {
  u32 low = 0;
  memcpy(&low, bytes, sizeof low);
  const u64 value = u64{low} << (bytes[4] & 63 & (bytes[4] & 128 ? 63 : 7));
  return bytes[4] & 64 ? ~value : value;
}

void keep(u8 slot, void* p) {
  errno = 0;
  hk_free(g_held[slot % kPointers]);
  demand(errno == 0, "free changed errno", 0, 0);
  g_held[slot % kPointers] = p;
}

bool too_much(u64 bytes) { return bytes > kServed && bytes <= kMost; }

void call_plain(u8 which, u8 slot, u64 a, u64 b) {
  bool overflow = false;
  const u64 bytes = product(a, b, &overflow);
  switch (which) {
    case 0:
      if (too_much(a)) return;
      { void* p = hk_malloc(a); check_result(p, a, 16, "malloc"); return keep(slot, p); }
    case 1: {
      if (!overflow && too_much(bytes)) return;
      void* p = hk_calloc(a, b);
      if (overflow) return demand(!p && errno == ENOMEM, "calloc overflow", a, b);
      for (u64 i = 0; p && i < bytes && i < 4096; ++i) demand(static_cast<u8*>(p)[i] == 0, "calloc is zero", a, b);
      check_result(p, bytes, 16, "calloc");
      return keep(slot, p);
    }
    case 2: {
      if (too_much(a)) return;
      void* old = g_held[slot % kPointers];
      void* p = hk_realloc(old, a);
      if (old && a == 0) {
        g_held[slot % kPointers] = nullptr;
        return demand(!p && errno == 0, "realloc(p, 0)", a, 0);
      }
      check_result(p, a, 16, "realloc");
      if (p) g_held[slot % kPointers] = p;
      return;
    }
    default: {
      if (!overflow && (too_much(bytes) || bytes == 0)) return;
      void* p = hk_reallocarray(g_held[slot % kPointers], a, b);
      if (overflow) return demand(!p && errno == ENOMEM, "reallocarray overflow", a, b);
      check_result(p, bytes, 16, "reallocarray");
      if (p) g_held[slot % kPointers] = p;
      return;
    }
  }
}

void call_aligned(u8 which, u8 slot, u64 alignment, u64 bytes) {
  const bool power = is_power_of_two(alignment);
  if (too_much(bytes) || too_much(alignment)) return;
  void* p = nullptr;
  switch (which) {
    case 0:
      p = hk_aligned_alloc(alignment, bytes);
      if (!power) return demand(!p && errno == EINVAL, "aligned_alloc: not a power of two", alignment, bytes);
      check_result(p, bytes, alignment, "aligned_alloc");
      break;
    case 1: {
      void* out = &errno;
      const int error = hk_posix_memalign(&out, alignment, bytes);
      demand(errno == 0, "posix_memalign changed errno", alignment, bytes);
      if (!power || alignment % sizeof(void*)) return demand(error == EINVAL && out == &errno, "posix_memalign: bad alignment", alignment, bytes);
      if (error) return demand(error == ENOMEM && out == &errno && (bytes > kMost || alignment > kMost), "posix_memalign: refused", alignment, bytes);
      p = out;
      check_result(p, bytes, alignment, "posix_memalign");
      break;
    }
    case 2: {
      // An odd alignment is rounded up to a power of two, as glibc does.
      u64 rounded = 16;
      while (rounded < alignment && rounded <= kMost / 2) rounded *= 2;
      p = hk_memalign(alignment, bytes);
      if (alignment > kMost / 2) return demand(!p && errno == EINVAL, "memalign: too large", alignment, bytes);
      if (too_much(rounded)) return hk_free(p);
      check_result(p, bytes, rounded, "memalign");
      break;
    }
    default:
      p = alignment & 1 ? hk_valloc(bytes) : hk_pvalloc(bytes);
      if (bytes <= kServed) check_result(p, bytes, kPageBytes, "valloc or pvalloc");
      break;
  }
  keep(slot, p);
}

void call_other(u8 which, u8 slot, u64 a, u64 b) {
  char text[64];
  switch (which) {
    case 0: keep(slot, nullptr); return;
    case 1: demand(hk_malloc_usable_size(nullptr) == 0, "usable size of null", a, b); return;
    case 2: hk_free_sized(nullptr, a); hk_free_aligned_sized(nullptr, a, b); return;
    case 3: {
      const auto id = static_cast<OptionId>(a % kOptionCount);
      if (id == OptionId::kStats) return;  // counters may change; nothing else depends on them
      snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(b));
      u64 value = 0;
      const bool valid = parse_option(id, text, &value);
      const int error = hakmem_option_set(option_info(id).name, text);
      const int want = !valid ? EINVAL : option_info(id).change == OptionChange::kRun ? 0 : EPERM;
      return demand(error == want, "hakmem_option_set", a, b);
    }
    default:
      demand(hakmem_option_get("HAKMEM_NO_SUCH", text, sizeof text) == EINVAL, "unknown option", a, b);
      demand(hakmem_option_get(option_info(static_cast<OptionId>(a % kOptionCount)).name, text, b % 3) == ERANGE ||
                 b % 3 > 1, "short buffer", a, b);
      hk_mallopt(static_cast<int>(a), static_cast<int>(b));
      if (which == 5) hk_malloc_trim(a);
      return;
  }
}

/// The options that may change while the process runs, as they were before the first input.
class FirstOptions {
 public:
  FirstOptions() {
    // The heap starts with the first call below: nothing in it is left to chance.
    setenv("HAKMEM_SEED", "1", 1);
    setenv("HAKMEM_GUARD_SAMPLE", "0", 1);
    // Nor where a large block lies between its guards, which decides whether realloc moves it.
    setenv("HAKMEM_GUARDS", "0", 1);
    for (std::size_t i = 0; i < kOptionCount; ++i)
      hakmem_option_get(name(i), values_[i], sizeof values_[i]);
  }
  void restore() const {
    for (std::size_t i = 0; i < kOptionCount; ++i)
      if (option_info(static_cast<OptionId>(i)).change == OptionChange::kRun) hakmem_option_set(name(i), values_[i]);
  }

 private:
  static const char* name(std::size_t i) { return option_info(static_cast<OptionId>(i)).name; }
  char values_[kOptionCount][32];
};

void call_all(const u8* data, std::size_t size) {
  for (; size >= kCallBytes; data += kCallBytes, size -= kCallBytes) {
    const u64 a = argument(data + 2), b = argument(data + 7);
    errno = 0;
    const u8 which = data[0] & 7;
    if (which < 4) call_plain(which, data[1], data[0] & 64 ? a : a % 5000, b);
    else if (which < 6) call_aligned(data[0] >> 3 & 3, data[1], power_or_raw(a), b);
    else call_other(data[0] >> 3 & 7, data[1], a, b);
  }
  for (u8 slot = 0; slot < kPointers; ++slot) keep(slot, nullptr);
}

}  // namespace

/// An input must not decide by which path the next one goes: each has a thread of its own, whose cache
/// begins with short magazines, and leaves neither options nor empty slabs.
extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static const FirstOptions first_options;
  std::thread(call_all, data, size).join();
  first_options.restore();
  hakmem_purge();
  fuzz::count_operations(size / kCallBytes);
  return 0;
}

/// The heap starts before the first input, so that none has its start-up.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  LLVMFuzzerTestOneInput(nullptr, 0);
  return 0;
}
