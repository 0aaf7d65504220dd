#include "abi/report.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/build_info.h"
#include "abi/trace.h"
#include "base/check.h"
#include "base/probes.h"
#include "core/tracker.h"

namespace hak {
namespace {

constexpr std::size_t kReportBytes = 16 * 1024;
constexpr std::size_t kSmallReportBytes = 2048;
constexpr const char* kProfileNames[] = {"fast", "hardened", "paranoid"};

/// Frames of the library itself say nothing to its user.
u32 own_frames(const void* const* frames, u32 depth) {
  u32 count = 0;
  while (count < depth && is_own_code(frames[count])) ++count;
  return count == depth ? 0 : count;
}

void append_stack(Text& out, const void* const* frames, u32 depth) {
  for (u32 i = 0; i < depth; ++i) {
    out.str("    #").dec(i).str(" ").ptr(frames[i]);
    append_module(out, frames[i]);
    out.line();
  }
}

void append_block(const FaultRecord& record, Text& out) {
  if (!record.block_begin) return;
  const long distance = static_cast<long>(address_of(record.ptr) - address_of(record.block_begin));
  out.str("  block: ").ptr(record.block_begin).str(", ").dec(record.usable_bytes).str(" usable bytes");
  if (distance) out.str(", the pointer is ").num(distance).str(" bytes into it");
  out.line();
  const bool given = record.fault == Fault::kSizeMismatch || record.fault == Fault::kAlignmentMismatch;
  if (record.has_requested)
    out.str("  size: ").dec(record.requested_bytes).str(given ? " bytes were given" : " bytes were asked for").line();
}

void append_machine_line(const HeapCore& heap, const FaultRecord& record, const void* caller, Text& out) {
  out.str("hakmem-report: fault=").str(fault_id(record.fault));
  out.str(" api=").str(api_word(record.api));
  out.str(" ptr=").ptr(record.ptr);
  out.str(" block=").ptr(record.block_begin);
  out.str(" size_class=").num(record.size_class).str(" slot=").num(record.slot);
  out.str(" state=").hex(record.state, 2);
  out.str(" header_expected=").hex(record.header_expected, 2);
  out.str(" header_found=").hex(record.header_found, 2);
  out.str(" requested=");
  if (record.has_requested) {
    out.dec(record.requested_bytes);
  } else {
    out.str("unknown");
  }
  out.str(" usable=").dec(record.usable_bytes);
  out.str(" thread=").dec(thread_id()).str(" owner=").dec(record.owner_id);
  out.str(" caller=").ptr(caller);
  out.str(" seed=").hex(heap.seed).str(" build=").str(kVersion);
  out.str(" profile=").str(kDebugBuild ? "debug" : kProfileNames[static_cast<int>(heap.options.profile())]);
  out.str(" limit=").str(limit_name(heap.arena.last_limit())).line();
}

/// Where reports go: the descriptor or file asked for, else stderr.
int report_descriptor(const HeapCore& heap, bool* close_it) {
  *close_it = false;
  const char* target = heap.options.report_target();
  if (!*target) return STDERR_FILENO;
  if (target[0] == 'f' && target[1] == 'd' && target[2] == ':') {
    int fd = 0;
    for (const char* c = target + 3; *c; ++c) fd = fd * 10 + (*c - '0');
    return fd;
  }
  const int fd = open_for_report(target);
  *close_it = fd >= 0;
  return fd >= 0 ? fd : STDERR_FILENO;
}

}  // namespace

void format_report(const HeapCore& heap, const FaultRecord& record, const void* const* stack, u32 depth,
                   Text& out) {
  const char* id = fault_id(record.fault);
  out.str("==").dec(process_id()).str("==ERROR: hakmem: ").str(id);
  out.str(" on address ").ptr(record.ptr).str(" (").str(api_name(record.api)).str(") thread ");
  out.dec(thread_id()).line();
  out.str("  ").str(fault_text(record.fault)).line();
  append_block(record, out);
  if (record.has_header && record.header_expected != record.header_found) {
    out.str("  header: expected ").hex(record.header_expected, 2);
    out.str(", found ").hex(record.header_found, 2).line();
  }
  if (const Limit limit = heap.arena.last_limit(); limit != Limit::kNone)
    out.str("  a limit was hit earlier: ").str(limit_name(limit)).line();
  out.str("  called from:").line();
  append_stack(out, stack, depth);
  if (record.free_depth) {
    out.str("  freed by thread ").dec(record.free_thread).str(":").line();
    const u32 own = own_frames(record.free_stack, record.free_depth);
    append_stack(out, record.free_stack + own, record.free_depth - own);
  }
  if (record.alloc_depth) {
    out.str("  allocated by thread ").dec(record.alloc_thread).str(":").line();
    const u32 own = own_frames(record.alloc_stack, record.alloc_depth);
    append_stack(out, record.alloc_stack + own, record.alloc_depth - own);
  }
  append_machine_line(heap, record, depth ? stack[0] : nullptr, out);
  out.str("SUMMARY: hakmem: ").str(id).str(" in ").str(api_name(record.api)).line();
}

void report_and_stop(HeapCore& heap, const FaultRecord& record) {
  // One report at a time in the large buffer; a second thread's, or one on a small signal stack that
  // comes while the first is written, is cut.
  static char large[kReportBytes];
  static constinit Atomic<bool> busy{false};
  char small[kSmallReportBytes];
  trace_fault(record);
  HAK_PROBE3(fault, static_cast<int>(record.fault), static_cast<int>(record.api), record.ptr);
  const bool own = !busy.exchange(true, kAcquire);
  Text out(own ? large : small, own ? sizeof large : sizeof small);
  if (HAK_SEEDED(kReportAllocates)) asm volatile("" ::"r"(malloc(48)));
  const void* stack[kMaxFrames + 1];
  u32 depth = capture_stack(stack, kMaxFrames);
  const u32 skip = own_frames(stack, depth);
  // Behind the handler's frames lies the kernel's return from the signal; the instruction takes its place.
  if (record.pc && skip < depth) stack[skip] = record.pc;
  format_report(heap, record, stack + skip, depth - skip, out);
  bool close_it = false;
  const int fd = report_descriptor(heap, &close_it);
  write_all(fd, out.data(), out.size());
  if (close_it) close(fd);
  if (own) busy.store(false, kRelease);
  switch (static_cast<OnFault>(heap.options.get(OptionId::kOnFault))) {
    case OnFault::kContinue: return;
    case OnFault::kTrap: __builtin_trap();
    case OnFault::kAbort: break;
  }
  abort();
}

void check_failed(const char* expression, const char* file, int line, unsigned long left,
                  unsigned long right) {
  TextBuffer<1024> out;
  out.str("==").dec(process_id()).str("==ERROR: hakmem: internal check failed: ").str(expression);
  out.str(" (").dec(left).str(", ").dec(right).str(") at ").str(file).str(":");
  out.num(line).line();
  write_all(STDERR_FILENO, out.data(), out.size());
  abort();
}

}  // namespace hak
