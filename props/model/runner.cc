#include "model/runner.h"

#include "model/guarded.h"

namespace hak::props {

void Runner::run_body(void* self) {
  auto* runner = static_cast<Runner*>(self);
  try {
    runner->run_ops();
  } catch (const Failed&) {
    runner->failed_ = true;
  }
}

Outcome Runner::run(const Script& script) {
  script_ = &script;
  outcome_ = Outcome{};
  observations_.clear();
  shadow_.clear();
  tag_ = allocations_ = releases_ = 0;
  os_failures_ = 0;
  failed_ = os_failed_ever_ = ending_set_ = interrupted_ever_ = written_freed_ = unlooked_ = false;
  handler_ = Handler::kNone;
  current_ = &scratch_;
  if (config_.observe) observations_.reserve(script.ops.size() + kSlotCount + 1);
  if (const char* stopped = run_guarded(run_body, this, config_.catch_signals)) {
    failed_ = true;
    outcome_.message = stopped;
    system_.mark_broken();
  }
  outcome_.ok = !failed_;
  return outcome_;
}

void Runner::run_ops() {
  if (!system_.reset(*script_)) fail("the system cannot be started");
  process_ = system_.process();
  heap_ = process_ && (process_->is_libc() || process_->is_starved()) ? nullptr : system_.heap();
  for (const Op& op : script_->ops) {
    if (config_.observe) {
      observations_.emplace_back();
      current_ = &observations_.back();
    }
    execute(op);
    ++outcome_.op;
    ++outcome_.executed;
    if (config_.audit_each) audit();
  }
  current_ = &scratch_;
  finish();
}

/// Requests that a large machine would serve, with memory the test does not want to touch.
bool Runner::asks_too_much(const Op& op) const {
  const std::size_t most = system_.max_request();
  const auto between = [&](u64 bytes) { return bytes > most && bytes <= kMaxRequestBytes; };
  std::size_t product = 0;
  switch (op.kind) {
    case OpKind::kMalloc:
    case OpKind::kNew:
    case OpKind::kNewArray:
    case OpKind::kRealloc: return between(op.a);
    case OpKind::kAligned:
    case OpKind::kPosixAligned:
    case OpKind::kMemalign:
    case OpKind::kNewForm: return between(op.a) || between(op.b);
    case OpKind::kPageAligned: return between(op.a);
    case OpKind::kCalloc:
    case OpKind::kReallocArray: return !__builtin_mul_overflow(op.a, op.b, &product) && between(product);
    default: return false;
  }
}

void Runner::execute(const Op& op) {
  begin();
  if (asks_too_much(op)) return;
  if (!is_misuse(op.kind)) {
    if (op.kind == OpKind::kDamage) return damage(op);
    const bool own = is_new(op.kind) || (process_ && (op.kind == OpKind::kNew || op.kind == OpKind::kNewArray));
    own ? execute_process(op) : execute_legal(op);
  } else if (modelled()) {
    ending_set_ ? end_in_child(op) : execute_misuse(op);
  }
  collect_failures();
}

void Runner::execute_legal(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  switch (op.kind) {
    case OpKind::kMalloc:
    case OpKind::kNew:
    case OpKind::kNewArray:
    case OpKind::kCalloc:
    case OpKind::kAligned:
    case OpKind::kPosixAligned: return allocate(op);
    case OpKind::kRealloc: return resize(op, 1, op.a);
    case OpKind::kReallocArray: return resize(op, op.a, op.b);
    case OpKind::kFree: return release(op, block);
    case OpKind::kFreeSized: return release_sized(op, block, false);
    case OpKind::kFreeAligned: return release_sized(op, block, true);
    case OpKind::kUsable: return usable(op);
    case OpKind::kFill:
      if (block.live) refill(block);
      return;
    case OpKind::kChurn: return churn(op);
    case OpKind::kThreadStart: system_.thread_start(op.thread); break;
    case OpKind::kThreadExit: system_.thread_exit(op.thread); break;
    case OpKind::kPurge: system_.purge(op.thread); break;
    case OpKind::kTick: system_.tick(op.a); break;
    case OpKind::kOsFail: system_.os_fail(static_cast<OsCall>(op.word), op.a); break;
    case OpKind::kOption: system_.set_option(static_cast<Tunable>(op.word), op.a); break;
    case OpKind::kVerify: return audit();
    case OpKind::kFork: {
      const auto check = [](void* self) -> const char* {
        try {
          static_cast<Runner*>(self)->audit();
        } catch (const Failed&) {
          return "the heap is not whole in the child of fork";
        }
        return nullptr;
      };
      // An instance is copied for this, which costs as much as a thousand operations.
      if (!config_.audit_each && !system_.keeps_contexts()) break;
      if (const char* wrong = system_.fork_check(check, this)) fail(wrong);
      break;
    }
    default: break;
  }
  expect({});
  expect_quiet_errno();
}

/// Everything is freed, every context ends: nothing may be left.
void Runner::finish() {
  audit();
  for (unsigned slot = 0; slot < kSlotCount; ++slot) {
    if (!shadow_[slot].live) continue;
    begin();
    Op op;
    op.kind = OpKind::kFree;
    op.thread = static_cast<u8>(slot % kContextCount);
    op.slot = static_cast<u8>(slot);
    release(op, shadow_[slot]);
  }
  begin();
  for (unsigned thread = 0; thread < kContextCount; ++thread) system_.thread_exit(thread);
  system_.sweep();
  expect({});
  audit_end();
  if (process_) demand(process_->last_check());
}

Outcome run_script(System& system, const Script& script, Runner::Config config) {
  Runner runner(system, config);
  Outcome outcome = runner.run(script);
  if (!outcome.ok) {
    const bool in_op = outcome.op < script.ops.size();
    outcome.message = (in_op ? "operation " + std::to_string(outcome.op + 1) + " `" +
                                   format_op(script.ops[outcome.op]) + "`: "
                             : std::string("end of script: ")) +
                      outcome.message;
  }
  return outcome;
}

}  // namespace hak::props
