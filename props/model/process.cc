// Operations of version 2 and what they must answer.
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "model/runner.h"

namespace hak::props {
namespace {

class ShadowHoldings : public Holdings {
 public:
  explicit ShadowHoldings(Shadow& shadow) : shadow_(shadow) {}
  std::size_t count() const override { return shadow_.live_count(); }
  std::size_t room() const override { return shadow_.live_room(); }
  std::size_t large_count() const override { return shadow_.large_count(); }
  std::size_t room_of(const void* p) const override {
    const ShadowBlock* block = shadow_.find_live(p);
    return block ? block->room : 0;
  }

 private:
  Shadow& shadow_;
};

bool is_array(NewForm form) { return static_cast<unsigned>(form) % 2 == 1; }
bool is_aligned(NewForm form) { return form >= NewForm::kAligned; }
bool is_quiet(NewForm form) {
  return form == NewForm::kNothrow || form == NewForm::kNothrowArray || form >= NewForm::kAlignedNothrow;
}

std::size_t power_above(std::size_t alignment) {
  std::size_t power = kGranuleBytes;
  while (power < alignment) power *= 2;
  return power;
}

/// Valgrind, which makes a stack grow, does not do so for the frame of a handler with SA_ONSTACK.
[[gnu::noinline]] void make_room_for_handler() {
  volatile u8 room[8 * kPageBytes];
  for (std::size_t i = sizeof room; i > 0; i -= kPageBytes) room[i - 1] = 0;
}

int read_refused(void* byte) {
  make_room_for_handler();
  if (!byte) return kill(getpid(), SIGSEGV) * 0;
  // Stored, since Valgrind leaves out a load whose value goes nowhere.
  volatile u8 seen = *static_cast<volatile u8*>(byte);
  return seen * 0;
}

/// What __builtin_trap ends in.
#if defined(__aarch64__)
constexpr int kTrapSignal = SIGTRAP;
#else
constexpr int kTrapSignal = SIGILL;
#endif

int signal_of(Ending ending) { return ending == Ending::kAbort ? SIGABRT : ending == Ending::kTrap ? kTrapSignal : 0; }

}  // namespace

void Runner::execute_process(const Op& op) {
  if (!process_) return expect({});
  switch (op.kind) {
    case OpKind::kNew: return new_form(op, NewForm::kNothrow, kGranuleBytes, op.a);
    case OpKind::kNewArray: return new_form(op, NewForm::kNothrowArray, kGranuleBytes, op.a);
    case OpKind::kNewForm: return new_form(op, static_cast<NewForm>(op.word), op.a, op.b);
    case OpKind::kDeleteForm: return delete_form(op);
    case OpKind::kMemalign: return memalign(op);
    case OpKind::kPageAligned: return page_aligned(op);
    case OpKind::kAccess: return access(op);
    case OpKind::kCfree: {
      ShadowBlock& block = shadow_[op.slot];
      if (block.live && block.family != Family::kMalloc) return;
      if (block.live) check_content(block, block.filled);
      process_->cfree(op.thread, block.live ? block.ptr : nullptr);
      if (block.live) mark_freed(block);
      break;
    }
    case OpKind::kNewHandler:
      handler_ = static_cast<Handler>(op.word);
      handler_calls_ = op.a;
      process_->set_handler(handler_, op.a);
      break;
    case OpKind::kFatal:
      ending_ = static_cast<Ending>(op.word);
      ending_set_ = true;
      break;
    case OpKind::kAsk:
      demand(process_->ask(op.thread, static_cast<Question>(op.word), ShadowHoldings(shadow_)));
      return expect({});
    case OpKind::kSetOption:
      demand(process_->set_option_text(static_cast<Variable>(op.word), value_word(op.a)));
      return expect({});
    case OpKind::kMallopt:
      demand(process_->mallopt(static_cast<int>(op.a), static_cast<int>(op.b)));
      break;
    case OpKind::kStart:
      if (process_->is_libc() || process_->is_starved()) return;
      demand(process_->start_check(static_cast<OsCall>(op.word), op.a, op.b));
      return expect({});
    case OpKind::kThreadLate: process_->thread_late(op.thread); break;
    case OpKind::kInterrupted:
      interrupted_ever_ = true;
      process_->interrupt(op.thread, op.a);
      break;
    case OpKind::kStalled: process_->stall(static_cast<Stall>(op.word)); break;
    default: break;  // env: the process was started with it
  }
  expect({});
  expect_quiet_errno();
}

/// [new.delete.single]: the handler is called until memory is there, it throws, or it is gone.
void Runner::new_form(const Op& op, NewForm form, std::size_t alignment, std::size_t bytes) {
  if (!is_aligned(form)) alignment = kGranuleBytes;
  if (!is_power_of_two(alignment)) return;  // undefined
  ShadowBlock& block = shadow_[op.slot];
  if (block.live) release(op, block);
  begin();
  const NewResult result = process_->allocate_new(op.thread, form, alignment, bytes);
  const unsigned calls = handler_ == Handler::kNone    ? 0
                         : handler_ == Handler::kThrow ? 1
                                                       : static_cast<unsigned>(handler_calls_);
  const bool gone = handler_ == Handler::kGiveUp || handler_ == Handler::kLift;
  if (result.p) {
    if (result.threw) fail("operator new returned and threw");
    if (result.handler_calls > calls) fail("the handler was called although it was gone");
    if (result.handler_calls && handler_ == Handler::kThrow) fail("the handler threw, and a block was served");
    if (result.handler_calls) errno = kQuietErrno;  // the tries before that failed
  } else {
    if (result.threw == is_quiet(form)) fail(result.threw ? "a nothrow form threw" : "a throwing form returned null");
    if (result.handler_calls != calls)
      fail("the handler was called " + std::to_string(result.handler_calls) + " times, must be " + std::to_string(calls));
  }
  if (result.handler_calls >= calls && gone) handler_ = Handler::kNone;
  admit(block, result.p, bytes, alignment, is_aligned(form), is_array(form) ? Family::kNewArray : Family::kNew, false);
}

/// The form of delete must match the block's alignment; array or not is the block's.
void Runner::delete_form(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (block.live && block.family == Family::kMalloc) return;
  auto form = static_cast<DeleteForm>(op.word);
  constexpr unsigned kPlainForms = static_cast<unsigned>(DeleteForm::kAligned);
  if (block.live) {
    check_content(block, block.filled);
    form = static_cast<DeleteForm>(op.word % kPlainForms + (block.aligned ? kPlainForms : 0));
  }
  process_->delete_form(op.thread, form, block.family == Family::kNewArray, block.live ? block.ptr : nullptr,
                        block.live ? block.requested : 8, block.live ? block.alignment : kGranuleBytes);
  expect({});
  expect_quiet_errno();
  if (block.live) mark_freed(block);
}

/// memalign rounds an odd alignment up, and refuses what cannot be.
void Runner::memalign(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (block.live) release(op, block);
  begin();
  void* p = process_->memalign(op.thread, op.a, op.b);
  if (op.a > kMaxRequestBytes / 2) {
    if (p || errno != EINVAL) fail("memalign: an alignment that no power of two reaches must give EINVAL");
    return expect({});
  }
  admit(block, p, op.b, power_above(op.a), true, Family::kMalloc, false);
}

void Runner::page_aligned(const Op& op) {
  const auto form = static_cast<PageForm>(op.word);
  ShadowBlock& block = shadow_[op.slot];
  if (block.live) release(op, block);
  begin();
  void* p = process_->page_aligned(op.thread, form, op.a);
  const std::size_t bytes = form == PageForm::kValloc || op.a > kMaxRequestBytes ? op.a : room_for(op.a, kClassCount);
  admit(block, p, bytes, kPageBytes, true, Family::kMalloc, false);
}

/// The misuse twice, in a child each time: one that goes on after the report, in which the verdict is
/// judged as ever, and one that the same report must end.
void Runner::end_in_child(const Op& op) {
  ending_set_ = false;
  struct Job {
    Runner* runner;
    const Op* op;
  } job{this, &op};
  const auto run = [](void* at) {
    auto* self = static_cast<Job*>(at);
    try {
      self->runner->execute_misuse(*self->op);
    } catch (const Failed&) {
      std::fprintf(stderr, "in the child: %s\n", self->runner->outcome_.message.c_str());
      return 1;
    }
    return 0;
  };
  const Ended surveyed = process_->in_child(Ending::kContinue, run, &job);
  if (!surveyed.possible) return;
  if (surveyed.exit_status != 0)
    fail("in a child the operation fails: status " + std::to_string(surveyed.exit_status) + ", signal " +
         std::to_string(surveyed.signal));
  if (ending_ == Ending::kContinue) return;
  const Ended ended = process_->in_child(ending_, run, &job);
  if (surveyed.verdict.fault == Fault::kNone) {
    if (ended.exit_status != 0 || ended.verdict.count) fail("a child ended over an operation that is no fault");
    return;
  }
  if (ended.signal != signal_of(ending_)) fail("the report ended the child by signal " + std::to_string(ended.signal));
  if (ended.verdict.count != 1 || ended.verdict.fault != surveyed.verdict.fault)
    fail(std::string("the child that ends reports ") + fault_id(ended.verdict.fault) + ", the one that goes on " +
         fault_id(surveyed.verdict.fault));
}

/// The byte that `access` reads, and what its report must say; null if there is no such byte now.
const u8* Runner::accessed(const Op& op, Fault* expected) const {
  const ShadowBlock& block = shadow_[op.slot];
  const Arena& arena = heap_->arena;
  const bool closed = block.live && block.large &&
                      (block.sampled || (arena.guards() && !os_failed_ever_ &&
                                         (arena.os().light_guards() || block.room >= (std::size_t{1} << 20))));
  *expected = Fault::kOutOfBounds;
  switch (static_cast<Access>(op.word)) {
    case Access::kBefore:
      return closed ? reinterpret_cast<u8*>(address_of(block.ptr) / kPageBytes * kPageBytes) - 1 : nullptr;
    case Access::kBehind:
      return closed ? reinterpret_cast<u8*>(round_up(address_of(block.ptr + block.room), kPageBytes)) : nullptr;
    case Access::kFreed: {
      if (block.live || !block.sampled || os_failed_ever_) return nullptr;
      const Span& span = *arena.span(arena.span_of(arena.unit_of(block.ptr)));
      if (span.start != reinterpret_cast<const std::byte*>(block.ptr) || find_live_in(span)) return nullptr;
      *expected = Fault::kUseAfterFree;
      return block.ptr;
    }
    case Access::kSlabEnd: {
      if (!block.live || block.large || os_failed_ever_) return nullptr;
      const u32 unit = arena.span_of(arena.unit_of(block.ptr));
      const Span& slab = *arena.span(unit);
      // Where guards cost mappings slabs have none.
      if (!arena.guards() || !arena.os().light_guards()) return nullptr;
      return reinterpret_cast<const u8*>(arena.unit_address(unit + slab.units)) - kPageBytes;
    }
    case Access::kUnused: return reinterpret_cast<u8*>(arena.base + arena.reserved_bytes() - kPageBytes);
    case Access::kOutside: *expected = Fault::kNone; return reinterpret_cast<u8*>(std::uintptr_t{8});
    default: return nullptr;
  }
}

bool Runner::find_live_in(const Span& span) const {
  return shadow_.find_overlap(span.start, 1, nullptr) != nullptr;
}

/// The heap stops when its own account contradicts itself, whatever HAKMEM_ON_FAULT says.
void Runner::check_of_its_own() {
  ending_set_ = false;
  // Off the route a slot goes back at once, before it can be marked.
  if (heap_->options.get(OptionId::kRouteMask) != 255) return;
  const Ended ended = process_->in_child(
      Ending::kContinue,
      [](void* process) {
        static_cast<ProcessSystem*>(process)->free_marked();
        return 0;
      },
      process_);
  if (ended.possible && (ended.signal != SIGABRT || !ended.check_failed || ended.verdict.count))
    fail("a slot that is free twice stops nothing: signal " + std::to_string(ended.signal));
}

/// A read that the processor refuses: reported if the address is the heap's, else the program's crash.
void Runner::access(const Op& op) {
  if (!heap_ || !process_->reports_accesses()) return;
  if (static_cast<Access>(op.word) == Access::kBitmap) return check_of_its_own();
  const bool sent = static_cast<Access>(op.word) == Access::kSent;
  Fault expected = Fault::kNone;
  const u8* at = sent ? nullptr : accessed(op, &expected);
  if (!at && !sent) return;
  const Ending ending = ending_set_ ? ending_ : Ending::kContinue;
  ending_set_ = false;
  const Ended ended = process_->in_child(ending, read_refused, const_cast<u8*>(at));
  if (!ended.possible) return;
  const int want = expected == Fault::kNone ? SIGSEGV : signal_of(ending);
  if (ended.signal != want)
    fail("the access ended the child by signal " + std::to_string(ended.signal) + ", must be " + std::to_string(want));
  if (ended.verdict.count != (expected != Fault::kNone) || ended.verdict.fault != expected)
    fail(std::string("the access is reported ") + std::to_string(ended.verdict.count) + " times, as " +
         fault_id(ended.verdict.fault) + ", must be " + fault_id(expected));
}

}  // namespace hak::props
