#include "abi/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/report.h"
#include "abi/trace_format.h"

namespace hak {
namespace {

/// A thread's chunk. `busy`: a signal handler that comes in the middle of a record must not write one.
struct Writer {
  TraceRecord* next;
  TraceRecord* end;
  u32 number;
  bool busy;
};
__thread Writer t_writer __attribute__((tls_model("initial-exec")));

constinit Atomic<bool> g_on{false};
constinit Atomic<const EntryTable*> g_inner{nullptr};
constinit Atomic<u64> g_order{0};
constinit Atomic<u64> g_next_chunk{kTraceHeaderBytes};
constinit Atomic<u32> g_threads{0};
int g_fd = -1;
dev_t g_device;
ino_t g_inode;

/// A daemon that closes every descriptor may have given ours to another file.
bool still_ours() {
  struct stat now;
  return fstat(g_fd, &now) == 0 && now.st_dev == g_device && now.st_ino == g_inode;
}

void stop(const char* why) {
  if (!g_on.exchange(false, kRelaxed)) return;
  TextBuffer<256> line;
  line.str("hakmem: the trace ends here: ").str(why).line();
  write_all(STDERR_FILENO, line.data(), line.size());
}

void drop_chunk(Writer& writer) {
  if (!writer.end) return;
  char* chunk = reinterpret_cast<char*>(writer.end) - kTraceChunkBytes / sizeof(TraceRecord) * sizeof(TraceRecord);
  munmap(chunk, kTraceChunkBytes);
  writer.next = writer.end = nullptr;
}

/// The next chunk of the file, for this thread. Space is asked of the file system first: a page of a
/// full disk would raise SIGBUS in the program.
SLOW_PATH bool take_chunk(Writer& writer) {
  const int saved = errno;
  drop_chunk(writer);
  const auto at = static_cast<off_t>(g_next_chunk.fetch_add(kTraceChunkBytes, kRelaxed));
  if (!still_ours() || posix_fallocate(g_fd, at, kTraceChunkBytes) != 0) {
    stop("the file was closed or cannot grow");
    errno = saved;
    return false;
  }
  void* chunk = mmap(nullptr, kTraceChunkBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, g_fd, at);
  if (chunk == MAP_FAILED) {
    stop("no mapping for it");
    errno = saved;
    return false;
  }
  if (!writer.number) writer.number = g_threads.fetch_add(1, kRelaxed) + 1;
  auto* head = static_cast<TraceChunk*>(chunk);
  head->thread_id = thread_id();
  head->first_order = g_order.load(kRelaxed);
  __atomic_store_n(&head->thread, writer.number, __ATOMIC_RELEASE);
  writer.next = static_cast<TraceRecord*>(chunk) + 1;
  writer.end = static_cast<TraceRecord*>(chunk) + kTraceChunkBytes / sizeof(TraceRecord);
  errno = saved;
  return true;
}

FAST_PATH void record(TraceOp op, Api api, u64 size, const void* address, unsigned align_shift = 0) {
  if (HAK_UNLIKELY(!g_on.load(kRelaxed))) return;
  Writer& writer = t_writer;
  if (HAK_UNLIKELY(writer.busy)) return;
  writer.busy = true;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  if (HAK_LIKELY(writer.next != writer.end) || take_chunk(writer)) {
    TraceRecord* to = writer.next++;
    to->order = static_cast<u32>(g_order.fetch_add(1, kRelaxed));
    to->api = static_cast<u8>(api);
    to->align_shift = static_cast<u8>(align_shift);
    to->size = size;
    to->address = address_of(address);
    atomic_store(reinterpret_cast<u8*>(&to->op), static_cast<u8>(op), kRelease);
  }
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  writer.busy = false;
}

unsigned shift_of(std::size_t alignment) {
  return alignment ? static_cast<unsigned>(__builtin_ctzl(alignment)) : 0;
}

const EntryTable& inner() { return *g_inner.load(kRelaxed); }

void* traced_allocate(HeapCore& heap, ThreadCache* cache, std::size_t bytes, Api api) {
  void* p = inner().allocate(heap, cache, bytes, api);
  record(TraceOp::kAllocate, api, bytes, p);
  return p;
}
void traced_release(HeapCore& heap, ThreadCache* cache, void* p, Api api) {
  record(TraceOp::kFree, api, 0, p);
  inner().release(heap, cache, p, api);
}
void* traced_calloc(HeapCore& heap, ThreadCache* cache, std::size_t count, std::size_t size, Api api) {
  void* p = inner().calloc(heap, cache, count, size, api);
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) bytes = SIZE_MAX;
  record(TraceOp::kCalloc, api, bytes, p);
  return p;
}
void* traced_aligned(HeapCore& heap, ThreadCache* cache, std::size_t alignment, std::size_t bytes, Api api) {
  void* p = inner().allocate_aligned(heap, cache, alignment, bytes, api);
  record(TraceOp::kAligned, api, bytes, p, shift_of(alignment));
  return p;
}
void* traced_reallocate(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes, Api api) {
  record(TraceOp::kReallocBegin, api, bytes, p);
  void* fresh = inner().reallocate(heap, cache, p, bytes, api);
  record(TraceOp::kReallocEnd, api, bytes, fresh);
  return fresh;
}
void traced_release_sized(HeapCore& heap, ThreadCache* cache, void* p, std::size_t bytes,
                          std::size_t alignment, Api api) {
  record(TraceOp::kFreeSized, api, bytes, p, shift_of(alignment));
  inner().release_sized(heap, cache, p, bytes, alignment, api);
}
std::size_t traced_usable(HeapCore& heap, void* p, Api api) {
  record(TraceOp::kUsable, api, 0, p);
  return inner().usable(heap, p, api);
}

constexpr EntryTable kTracedTable = {traced_allocate,   traced_release,       traced_calloc,
                                     traced_aligned,    traced_reallocate,    traced_release_sized,
                                     traced_usable};

void append_command(Text& out) {
  const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char buffer[1024];
  const ssize_t got = read(fd, buffer, sizeof buffer);
  close(fd);
  for (ssize_t i = 0; i < got; ++i) {
    const char c = buffer[i];
    if (i + 1 == got && !c) break;
    out.chr(c == '\n' ? ' ' : c ? c : ' ');
  }
}

void describe(const HeapCore& heap, Text& out) {
  out.str("build=").str(build_info()).line();
  out.str("command=");
  append_command(out);
  out.line();
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    const auto id = static_cast<OptionId>(i);
    out.str(option_info(id).name).chr('=');
    format_option(id, heap.options.get(id), out);
    out.line();
  }
}

/// FILE, or where that exists FILE.PROGRAM.PID; with .2 and so on for a process that runs it again.
int create(const char* path) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  for (u64 attempt = 1; fd < 0 && errno == EEXIST && attempt <= 16; ++attempt) {
    TextBuffer<Options::kMaxTarget + 96> name;
    name.str(path).chr('.');
    if (program_invocation_short_name) name.cut(program_invocation_short_name, 32).chr('.');
    name.dec(process_id());
    if (attempt > 1) name.chr('.').dec(attempt);
    name.chr('\0');
    fd = open(name.data(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  }
  return fd;
}

}  // namespace

bool trace_start(const HeapCore& heap) {
  const char* path = heap.options.target(Target::kTrace);
  if (!*path) return false;
  const int saved = errno;
  const int fd = create(path);
  // Out of the way of programs that expect the descriptors they open to be small.
  g_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 600);
  if (g_fd < 0) {
    g_fd = fd;
  } else {
    close(fd);
  }
  static TraceHeader header;
  memcpy(header.magic, kTraceMagic, sizeof header.magic);
  header.header_bytes = kTraceHeaderBytes;
  header.chunk_bytes = kTraceChunkBytes;
  header.record_bytes = sizeof(TraceRecord);
  header.process = process_id();
  header.seed = heap.seed;
  header.base = heap.arena.base;
  header.reserved_bytes = heap.arena.reserved_bytes();
  Text text(header.text, sizeof header.text);
  describe(heap, text);
  header.text_bytes = static_cast<u32>(text.size());
  struct stat about = {};
  const bool written = g_fd >= 0 && pwrite(g_fd, &header, sizeof header, 0) == sizeof header &&
                       fstat(g_fd, &about) == 0;
  g_device = about.st_dev;
  g_inode = about.st_ino;
  if (!written) {
    TextBuffer<Options::kMaxTarget + 64> line;
    line.str("hakmem: cannot write the trace ").str(path).line();
    write_all(STDERR_FILENO, line.data(), line.size());
  }
  g_on.store(written, kRelease);
  errno = saved;
  return written;
}

bool trace_is_on() { return g_on.load(kRelaxed); }

const EntryTable& traced_table(const EntryTable& wrapped) {
  g_inner.store(&wrapped, kRelease);
  return kTracedTable;
}

void trace_fork_child() { g_on.store(false, kRelaxed); }

void trace_thread_exit() {
  record(TraceOp::kThreadExit, Api::kInternal, 0, nullptr);
  drop_chunk(t_writer);
}

void trace_free(const void* p, Api api) { record(TraceOp::kFree, api, 0, p); }

void trace_purge() { record(TraceOp::kPurge, Api::kInternal, 0, nullptr); }

void trace_fault(const FaultRecord& fault) {
  record(TraceOp::kFault, fault.api, static_cast<u64>(fault.fault), fault.ptr);
}

}  // namespace hak
