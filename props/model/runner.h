#pragma once
// The oracle: runs a script on a system and compares every answer with the shadow heap.
#include <string>
#include <vector>

#include "model/shadow.h"
#include "system/process_system.h"

namespace hak::props {

/// errno before a call that must leave it alone.
inline constexpr int kQuietErrno = 4711;

/// What an operation showed. Two runs agree if all of these are equal.
struct Observation {
  u64 place = 0;   ///< result pointer, relative to the arena; 0 if none
  u64 value = 0;   ///< usable size, or what the operation counted
  int error = 0;
  Fault fault = Fault::kNone;
  u8 header = 0;
  bool operator==(const Observation&) const = default;
};

struct Outcome {
  bool ok = true;
  std::size_t op = 0;    ///< index of the failed operation; ops.size() for the end of the script
  std::string message;   ///< one line
  std::size_t executed = 0;
};

class Runner {
 public:
  struct Config {
    bool catch_signals = true;  ///< a crash is an outcome, not the end of the process
    bool observe = false;       ///< keep observations
    bool audit_each = false;    ///< all invariants after every operation, not only at the end
  };
  Runner(System& system, Config config) : system_(system), config_(config) {}

  Outcome run(const Script& script);
  const std::vector<Observation>& observations() const { return observations_; }

 private:
  static void run_body(void* self);
  void run_ops();
  bool asks_too_much(const Op& op) const;
  void execute(const Op& op);
  void execute_legal(const Op& op);
  void execute_misuse(const Op& op);
  void finish();

  // ---- legal operations (runner.cc, legal.cc) ----
  void allocate(const Op& op);
  void resize(const Op& op, std::size_t count, std::size_t size);
  void release(const Op& op, ShadowBlock& block);
  void release_sized(const Op& op, ShadowBlock& block, bool with_alignment);
  void usable(const Op& op);
  bool zeroed_when_freed(std::size_t bytes, unsigned size_class) const;
  void refill(ShadowBlock& block);
  void write_pattern(void* at, std::size_t bytes, Pattern pattern);
  Pattern churn_pattern(std::size_t index, std::size_t bytes) const;
  void churn(const Op& op);
  bool churn_allocate(unsigned thread, std::size_t bytes, std::vector<u8*>& held);
  void churn_release(unsigned thread, u8* p, std::size_t bytes, std::size_t index);

  // ---- misuse (misuse.cc) ----
  void double_free(const Op& op);
  void inside(const Op& op);
  void foreign(const Op& op);
  void foreign_taken(const Op& op, void* p);
  void beside_sampled(const Op& op, ShadowBlock& block, u8* at, Fault fault);
  void wild(const Op& op);
  void corrupt_header(const Op& op);
  void overflow(const Op& op);
  void underflow(const Op& op);
  void write_after_free(const Op& op);
  void wrong_size(const Op& op);
  void wrong_family(const Op& op);
  void enter(unsigned thread, Via via, void* p, std::size_t bytes, std::size_t alignment, Api api);
  void attack(const Op& op, ShadowBlock& block, Expectation expected);
  bool next_is_live(const ShadowBlock& block, std::ptrdiff_t direction);

  // ---- what only verify sees (damage.cc) ----
  void damage(const Op& op);
  void damage_slab(Broken which, const ShadowBlock& block, u32 unit, Span& slab);
  void damage_magazine(Broken which, const ShadowBlock& block);
  void expect_broken(const char* invariant);

  // ---- what only a process has (process.cc) ----
  void execute_process(const Op& op);
  void new_form(const Op& op, NewForm form, std::size_t alignment, std::size_t bytes);
  void delete_form(const Op& op);
  void memalign(const Op& op);
  void page_aligned(const Op& op);
  void end_in_child(const Op& op);
  void access(const Op& op);
  void check_of_its_own();
  bool find_live_in(const Span& span) const;
  const u8* accessed(const Op& op, Fault* expected) const;
  void demand(const std::string& wrong) {
    if (!wrong.empty()) fail(wrong);
  }

  // ---- checks (checks.cc) ----
  void begin();
  void collect_failures();
  void admit(ShadowBlock& block, void* p, std::size_t bytes, std::size_t alignment, bool aligned,
             Family family, bool zero);
  void expect_refusal(std::size_t bytes, std::size_t alignment, int error);
  std::size_t resized_room(void* p, std::size_t bytes);
  void check_place(const ShadowBlock& block, void* p, std::size_t alignment);
  void check_slab_place(ShadowBlock& block);
  void check_large_place(ShadowBlock& block);
  void place_sampled(ShadowBlock& block);
  void check_fresh_content(const ShadowBlock& block, bool zero);
  bool arena_could_hold(std::size_t bytes, std::size_t alignment) const;
  void check_content(const ShadowBlock& block, std::size_t bytes);
  void expect(Expectation expected);
  void check_record(const FaultRecord& record);
  void expect_quiet_errno();
  void note(const void* p, u64 value);
  void audit();
  void audit_heap(HeapCore& heap);
  void audit_threads(HeapCore& heap);
  void audit_counters(HeapCore& heap);
  void audit_end();
  void mark_freed(ShadowBlock& block);
  bool is_kept_when_freed(const ShadowBlock& block) const;
  void check_kept(const ShadowBlock& block);
  bool modelled() const { return heap_ != nullptr; }

  /// Ends the script with a message: returns to run_body.
  [[noreturn]] void fail(const std::string& message);

  struct Failed {};
  System& system_;
  ProcessSystem* process_ = nullptr;
  Config config_;
  HeapCore* heap_ = nullptr;
  const Script* script_ = nullptr;
  Shadow shadow_;
  Outcome outcome_;
  std::vector<Observation> observations_;
  std::vector<u8*> churned_;
  Observation* current_ = nullptr;
  Observation scratch_;
  u64 tag_ = 0;
  u64 allocations_ = 0, releases_ = 0;
  u32 os_failures_ = 0;
  bool os_failed_ever_ = false;
  bool failed_ = false;
  bool ending_set_ = false;
  Ending ending_ = Ending::kContinue;  ///< of the child that makes the next misuse, if one is to
  bool interrupted_ever_ = false;
  bool written_freed_ = false;
  bool unlooked_ = false;  ///< the call that should have judged a pointer had no memory to
  Handler handler_ = Handler::kNone;
  u64 handler_calls_ = 0;  ///< after which it takes itself away
  bool resized_ = false;  ///< the block being admitted carries what realloc kept
};

/// Runs the script on a system and formats a failure as one line with the operation in it.
Outcome run_script(System& system, const Script& script, Runner::Config config);

}  // namespace hak::props
