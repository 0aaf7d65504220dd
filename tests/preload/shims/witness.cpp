// Says, from inside every process of a test, which library that process's malloc comes from.
// Preloaded before the library under test; appends one line per process to PRELOAD_WITNESS_LOG:
//   executable <tab> library of malloc <tab> of calloc <tab> of realloc <tab> of free
// It allocates nothing and keeps no descriptor, so that the program behaves as without it.
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace {

constexpr std::size_t kLineMax = 4096;  // at most PIPE_BUF, so that O_APPEND writes never interleave

constexpr const char* kSymbols[] = {"malloc", "calloc", "realloc", "free"};

struct Line {
  char text[kLineMax];
  std::size_t length = 0;

  void add(const char* part, std::size_t part_length) {
    const std::size_t room = kLineMax - 1 - length;
    const std::size_t taken = part_length < room ? part_length : room;
    std::memcpy(text + length, part, taken);
    length += taken;
  }

  void add_owner_of(const char* symbol) {
    Dl_info info{};
    add("\t", 1);
    if (find(dlsym(RTLD_DEFAULT, symbol), &info) || find(dlsym(RTLD_NEXT, symbol), &info)) {
      add(info.dli_fname, std::strlen(info.dli_fname));
    }
  }

  // False as well if the address is only the executable's stub for a function defined elsewhere:
  // in an executable at a fixed address, a function whose address is taken is that stub. The
  // definition it jumps to is then the next one in the order of lookup, past this library.
  static bool find(void* address, Dl_info* info) {
    const ElfW(Sym)* symbol = nullptr;
    void* const entry = &symbol;
    return address != nullptr &&
           dladdr1(address, info, static_cast<void**>(entry), RTLD_DL_SYMENT) != 0 &&
           info->dli_fname != nullptr && (symbol == nullptr || symbol->st_shndx != SHN_UNDEF);
  }
};

__attribute__((constructor)) void testify() {
  const char* const log = std::getenv("PRELOAD_WITNESS_LOG");
  if (log == nullptr) {
    return;
  }
  const int saved_errno = errno;
  Line line;
  char executable[1024];
  const ssize_t executable_length = readlink("/proc/self/exe", executable, sizeof executable);
  if (executable_length > 0) {
    line.add(executable, static_cast<std::size_t>(executable_length));
  }
  for (const char* const symbol : kSymbols) {
    line.add_owner_of(symbol);
  }
  line.text[line.length++] = '\n';
  const int file = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file >= 0) {
    if (write(file, line.text, line.length) < 0) {
      _exit(126);  // a lost line would let a test pass that should not
    }
    close(file);
  }
  errno = saved_errno;
}

}  // namespace
