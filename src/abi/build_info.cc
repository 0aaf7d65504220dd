#include "abi/build_info.h"

#include <fcntl.h>
#include <unistd.h>

#include "abi/report.h"
#include "hakmem.h"

#define HAK_STRING_(x) #x
#define HAK_STRING(x) HAK_STRING_(x)

#ifdef HAKMEM_DEBUG
#define HAK_BUILD_WORD "debug"
#define HAK_TRUSTED_WORD "0"
#else
#define HAK_BUILD_WORD "release"
#define HAK_TRUSTED_WORD HAK_STRING(HAKMEM_POLICY_TRUSTED)
#endif

#ifdef HAKMEM_SHARED
extern "C" {
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));
}
#endif

namespace hak {

/// In a section of its own: `readelf -p .hakmem` says what a library or a static program is.
[[gnu::section(".hakmem"), gnu::used]] static constinit const char kBuildInfo[] =
    "hakmem " HAK_STRING(HAKMEM_VERSION_MAJOR) "." HAK_STRING(HAKMEM_VERSION_MINOR) "." HAK_STRING(
        HAKMEM_VERSION_PATCH) " " HAK_BUILD_WORD " direct=" HAK_STRING(HAKMEM_POLICY_DIRECT)
    " env_ctx=" HAK_STRING(HAKMEM_POLICY_ENV_CTX) " stats=" HAK_STRING(HAKMEM_POLICY_STATS)
    " trusted=" HAK_TRUSTED_WORD " route_map=" HAK_STRING(HAKMEM_POLICY_ROUTE_MAP)
    " evidence=" HAK_STRING(HAKMEM_EVIDENCE_WORD)
    " obligations=" HAK_STRING(HAKMEM_EVIDENCE_OBLIGATIONS);

constinit const char kVersion[] =
    HAK_STRING(HAKMEM_VERSION_MAJOR) "." HAK_STRING(HAKMEM_VERSION_MINOR) "." HAK_STRING(
        HAKMEM_VERSION_PATCH);

const char* api_word(Api api) {
  static constexpr const char* kWords[] = {
      "malloc", "calloc", "realloc", "reallocarray", "free", "free_sized", "free_aligned_sized",
      "aligned_alloc", "posix_memalign", "memalign", "malloc_usable_size", "new", "new[]", "delete",
      "delete[]", "internal", "access"};
  static_assert(sizeof(kWords) / sizeof(kWords[0]) == static_cast<std::size_t>(Api::kCount));
  return kWords[static_cast<std::size_t>(api)];
}

const char* limit_name(Limit limit) {
  switch (limit) {
    case Limit::kAddressSpace: return "address-space";
    case Limit::kMappings: return "mappings";
    case Limit::kMemory: return "memory";
    case Limit::kNone: break;
  }
  return "none";
}

#ifdef HAKMEM_SHARED
bool is_own_code(const void* address) {
  return address_of(address) >= address_of(__ehdr_start) && address_of(address) < address_of(_end);
}
#else
bool is_own_code(const void*) { return false; }
#endif

namespace {

/// Reads /proc/self/maps line by line with read(2) into a buffer on the stack.
class Maps {
 public:
  Maps() : fd_(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}
  ~Maps() {
    if (fd_ >= 0) close(fd_);
  }
  Maps(const Maps&) = delete;
  Maps& operator=(const Maps&) = delete;

  /// Next character, or -1 at the end.
  int next() {
    if (at_ == have_) {
      const ssize_t got = fd_ < 0 ? 0 : read(fd_, buffer_, sizeof buffer_);
      if (got <= 0) return -1;
      have_ = static_cast<std::size_t>(got);
      at_ = 0;
    }
    return static_cast<unsigned char>(buffer_[at_++]);
  }

  u64 hex(int* stop) {
    u64 value = 0;
    int c = next();
    for (; (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); c = next())
      value = value * 16 + static_cast<u64>(c <= '9' ? c - '0' : c - 'a' + 10);
    *stop = c;
    return value;
  }

 private:
  int fd_;
  char buffer_[1024];
  std::size_t at_ = 0, have_ = 0;
};

}  // namespace

void append_module(Text& out, const void* address) {
  if constexpr (!kDebugBuild) return;
  Maps maps;
  for (int c = 0; c != -1;) {
    const u64 from = maps.hex(&c);
    const u64 to = maps.hex(&c);
    for (c = maps.next(); c != ' ' && c != -1;) c = maps.next();  // permissions
    const u64 offset = maps.hex(&c);
    const bool here = address_of(address) >= from && address_of(address) < to;
    for (c = maps.next(); c != '\n' && c != -1 && c != '/';) c = maps.next();
    if (here && c == '/') {
      out.str(" (");
      for (; c != '\n' && c != -1; c = maps.next()) out.chr(static_cast<char>(c));
      out.str("+").hex(address_of(address) - from + offset).str(")");
      return;
    }
    while (c != '\n' && c != -1) c = maps.next();
  }
}

const char* build_info() { return kBuildInfo; }

}  // namespace hak
