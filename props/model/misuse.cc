// Operations that are wrong, each with the one verdict the contract gives them. What they damage is
// put back, so that a script goes on after a report as a surveyed program would.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>

#include "model/runner.h"

namespace hak::props {
namespace {

/// Bytes outside of a block for the time of one call.
class Damage {
 public:
  Damage(u8* at, std::size_t bytes) : at_(at), bytes_(bytes) {
    memcpy(saved_, at, bytes);
    for (std::size_t i = 0; i < bytes; ++i) at_[i] = static_cast<u8>(at_[i] ^ 0x5a);
  }
  Damage(u8* at, std::size_t bytes, int value) : at_(at), bytes_(bytes) {
    memcpy(saved_, at, bytes);
    memset(at, value, bytes);
  }
  ~Damage() { memcpy(at_, saved_, bytes_); }
  Damage(const Damage&) = delete;
  Damage& operator=(const Damage&) = delete;

 private:
  u8* at_;
  std::size_t bytes_;
  u8 saved_[64];
};

alignas(16) u8 g_global[64];

void* foreign_place(Place place, const Arena& arena, void* stack) {
  static void* const mapping =
      mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  static void* const libc_block = malloc(64);
  switch (place) {
    case Place::kStack: return stack;
    case Place::kGlobal: return g_global + 16;
    case Place::kMapping: return static_cast<u8*>(mapping) + 64;
    case Place::kLibcHeap: return libc_block;
    case Place::kNullPlus16: return reinterpret_cast<void*>(std::uintptr_t{16});
    case Place::kNonCanonical: return reinterpret_cast<void*>(std::uintptr_t{0x8000000000001000});
    case Place::kMinusOne: return reinterpret_cast<void*>(~std::uintptr_t{0});
    case Place::kBelowArena: return reinterpret_cast<void*>(arena.base - kPageBytes);
    case Place::kAboveArena:
    case Place::kCount: break;
  }
  return reinterpret_cast<void*>(arena.base + arena.reserved_bytes());
}

Api entry_api(Family family, Via via) {
  if (via == Via::kUsable) return Api::kUsableSize;
  if (family == Family::kNew) return Api::kDelete;
  if (family == Family::kNewArray) return Api::kDeleteArray;
  return via == Via::kFree ? Api::kFree : via == Via::kFreeSized ? Api::kFreeSized : Api::kFreeAlignedSized;
}

/// The entry point as the program could use it on a block: realloc is malloc's, the sized forms take
/// the alignment exactly where the block has one.
Via fitting(Via via, const ShadowBlock& block) {
  if (via == Via::kRealloc && block.family != Family::kMalloc) return Via::kFree;
  if (via == Via::kFreeSized && block.aligned) return Via::kFreeAligned;
  return via;
}

}  // namespace

void Runner::execute_misuse(const Op& op) {
  switch (op.kind) {
    case OpKind::kDoubleFree: return double_free(op);
    case OpKind::kInterior:
    case OpKind::kMisaligned:
    case OpKind::kForgedHeader: return inside(op);
    case OpKind::kForeign: return foreign(op);
    case OpKind::kWild: return wild(op);
    case OpKind::kCorruptHeader: return corrupt_header(op);
    case OpKind::kOverflow: return overflow(op);
    case OpKind::kUnderflow: return underflow(op);
    case OpKind::kWriteAfterFree: return write_after_free(op);
    case OpKind::kWrongSize:
    case OpKind::kWrongAlignment: return wrong_size(op);
    case OpKind::kWrongFamily: return wrong_family(op);
    default: return;
  }
}

void Runner::enter(unsigned thread, Via via, void* p, std::size_t bytes, std::size_t alignment, Api api) {
  switch (via) {
    case Via::kFree: return system_.release(thread, p, api);
    case Via::kRealloc:
      if (system_.reallocate(thread, p, bytes ? bytes : 1)) fail("realloc of a bad pointer returned a block");
      collect_failures();
      // Without memory even for the cache that threads share nobody looks at the pointer.
      unlooked_ = process_ && os_failures_ && errno == ENOMEM;
      return;
    case Via::kUsable: static_cast<void>(system_.usable(thread, p)); return;
    default: return system_.release_sized(thread, p, bytes, via == Via::kFreeAligned ? alignment : 0, api);
  }
}

/// Calls the entry point on a block of the program that must be refused, or passes unseen.
void Runner::attack(const Op& op, ShadowBlock& block, Expectation expected) {
  Via via = fitting(static_cast<Via>(op.word), block);
  if (expected.fault == Fault::kNone && via == Via::kRealloc) via = Via::kFree;
  enter(op.thread, via, block.ptr, block.requested, block.alignment, entry_api(block.family, via));
  expect(expected);
  if (expected.fault == Fault::kNone && via != Via::kUsable) mark_freed(block);
}

void Runner::double_free(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (block.live) {
    release(op, block);
    begin();
  }
  if (!block.ptr) return;
  const Expectation expected = shadow_.classify(*heap_, block.ptr);
  if (expected.fault == Fault::kNone) return;  // the address is somebody's block again
  const Via via = static_cast<Via>(op.word);
  enter(op.thread, via, block.ptr, block.requested, block.alignment, entry_api(block.family, via));
  expect(expected);
}

void Runner::inside(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (!block.live) return;
  std::size_t offset = op.a % block.room;
  if (op.kind == OpKind::kMisaligned) {
    offset += offset % kGranuleBytes ? 0 : 1;
  } else {
    offset = std::max(offset / kGranuleBytes * kGranuleBytes, kGranuleBytes);
  }
  if (offset >= block.room) return;
  u8* p = block.ptr + offset;
  const u8 saved = p[-1];
  if (op.kind == OpKind::kForgedHeader) p[-1] = block.large ? u8{0xa0} : block.header;
  const Via via = static_cast<Via>(op.word);
  enter(op.thread, via, p, block.requested, block.alignment, entry_api(block.family, via));
  p[-1] = saved;
  expect(shadow_.classify(*heap_, p));
}

void Runner::foreign(const Op& op) {
  alignas(16) u8 stack[64] = {};
  void* p = foreign_place(static_cast<Place>(op.place), heap_->arena, stack + 16);
  const Via via = static_cast<Via>(op.word);
  if (process_ && process_->foreign() != Foreign::kAbort) return foreign_taken(op, p);
  enter(op.thread, via, p, 16, kGranuleBytes, entry_api(Family::kMalloc, via));
  expect({Fault::kForeignPointer});
}

/// HAKMEM_FOREIGN: such pointers are ignored, or libc's, which has only one of these places.
void Runner::foreign_taken(const Op& op, void* p) {
  const auto via = static_cast<Via>(op.word);
  const bool to_libc = process_->foreign() == Foreign::kLibc;
  if (to_libc) {
    if (static_cast<Place>(op.place) != Place::kLibcHeap) return;
    p = malloc(64);
    memset(p, 0x3c, 64);
  }
  if (via == Via::kUsable) {
    const std::size_t usable_bytes = system_.usable(op.thread, p);
    if (to_libc ? usable_bytes < 64 : usable_bytes != 0) fail("the usable size of a foreign block is wrong");
    if (to_libc) free(p);
  } else if (via == Via::kRealloc) {
    auto* moved = static_cast<u8*>(system_.reallocate(op.thread, p, 200));
    if (!to_libc && (moved || errno != ENOMEM)) fail("realloc of a foreign block that is ignored must be refused");
    if (to_libc && (!moved || moved[0] != 0x3c || moved[63] != 0x3c)) fail("libc's realloc lost the block");
    if (to_libc) free(moved);
  } else {
    enter(op.thread, via, p, 64, kGranuleBytes, entry_api(Family::kMalloc, via));
  }
  expect({});
}

void Runner::wild(const Op& op) {
  void* p = reinterpret_cast<void*>(heap_->arena.base + op.a);
  const Expectation expected = shadow_.classify(*heap_, p);
  if (expected.fault == Fault::kNone) return;
  const Via via = static_cast<Via>(op.word);
  const Arena& arena = heap_->arena;
  if (arena.contains(p) || address_of(p) % kGranuleBytes || !system_.watches_pages()) {
    enter(op.thread, via, p, 16, kGranuleBytes, entry_api(Family::kMalloc, via));
    return expect(expected);
  }
  // Behind the bound the evidence is forged: that it is not read is what keeps the heap from believing.
  const Damage header(static_cast<u8*>(p) - 1, 1, 0xa5);
  const Damage state(arena.state_of(p), 1, 0xa5);
  enter(op.thread, via, p, 16, kGranuleBytes, entry_api(Family::kMalloc, via));
  expect(expected);
}

void Runner::corrupt_header(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (!block.live || block.large) return;
  block.ptr[-1] = static_cast<u8>(block.header ^ (op.a & 0xff ? op.a & 0xff : 1));
  attack(op, block, shadow_.classify(*heap_, block.ptr));
  block.ptr[-1] = block.header;
}

/// Whether the neighbour that `direction` bytes beyond the block belong to is the program's: only then
/// may more than its header be written and put back.
bool Runner::next_is_live(const ShadowBlock& block, std::ptrdiff_t direction) {
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(block.room) + 1;
  return shadow_.find_live(block.ptr + (direction > 0 ? stride : -stride)) != nullptr;
}

void Runner::overflow(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (block.live && block.sampled) return beside_sampled(op, block, block.ptr + block.room, Fault::kOverflow);
  if (!block.live || block.large) return;
  const Via via = fitting(static_cast<Via>(op.word), block);
  std::size_t bytes = op.a % 64 + 1;
  // Where the slack is under a canary it is the first thing an overflow hits.
  const std::size_t slack = block.recorded ? block.room - block.requested : 0;
  bytes = std::min<std::size_t>(bytes, slack + (next_is_live(block, 1) ? 64 : 1));
  u8* from = block.ptr + block.room - slack;
  if (bytes > 64 || system_.check_pages(from, bytes)) bytes = 1;
  Expectation expected;
  {
    Damage damage(from, bytes);
    expected = via == Via::kUsable ? shadow_.classify(*heap_, block.ptr)
               : slack             ? Expectation{Fault::kOverflow}
                                   : shadow_.classify_release(*heap_, block.ptr);
    attack(op, block, expected);
  }
  // A freed block's bytes are the allocator's: the damage that was put back into the slack is a write.
  if (!block.live && slack) fail("an overflow into the slack was not seen");
}

/// One byte beside a block in a guard slot, on the block's own pages: they carry a canary up to the ends,
/// which every free and realloc looks at.
void Runner::beside_sampled(const Op& op, ShadowBlock& block, u8* at, Fault fault) {
  const std::uintptr_t last = address_of(fault == Fault::kOverflow ? block.ptr + block.room - 1 : block.ptr);
  if (address_of(at) / kPageBytes != last / kPageBytes) return;
  const Via via = fitting(static_cast<Via>(op.word), block);
  const Damage damage(at, 1);
  attack(op, block, {via == Via::kUsable ? Fault::kNone : fault});
}

void Runner::underflow(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (block.live && block.sampled) return beside_sampled(op, block, block.ptr - 1, Fault::kUnderflow);
  if (!block.live || block.large) return;
  const std::size_t most = next_is_live(block, -1) ? std::min<std::size_t>(64, block.room) : 1;
  const std::size_t bytes = std::min<std::size_t>(op.a % 64 + 1, most);
  Damage damage(block.ptr - bytes, bytes);
  attack(op, block, shadow_.classify(*heap_, block.ptr));
}

/// Writes to a freed block. Where freed blocks are filled, the next use of the place must report it.
void Runner::write_after_free(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (!block.recorded || block.live || !block.ptr || block.large) return;
  if (shadow_.classify(*heap_, block.ptr).fault != Fault::kDoubleFree) return;
  if (!shadow_.was_handed_out(block.ptr, block.birth) || system_.check_pages(block.ptr, block.room)) return;
  const Arena& arena = heap_->arena;
  if (arena.span(arena.span_of(arena.unit_of(block.ptr)))->birth != block.birth) return;
  block.ptr[op.a % block.room] = static_cast<u8>(kFreedByte ^ 0x21);
  written_freed_ = true;
  shadow_.add_dirty(block.ptr, block.birth);
}

/// A sized free whose size or alignment is not the block's; it passes where that cannot be known.
void Runner::wrong_size(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (!block.live) return;
  const bool with_alignment = op.kind == OpKind::kWrongAlignment;
  const std::size_t alignment = with_alignment ? op.a : 0;
  if (with_alignment && !is_power_of_two(alignment)) return;
  const std::size_t bytes = !with_alignment ? op.a : op.b ? op.b : block.requested;
  const bool off = alignment && address_of(block.ptr) % alignment;
  Expectation expected = shadow_.classify_release(*heap_, block.ptr);
  const unsigned given = class_for_aligned(bytes, alignment ? alignment : 1);
  // The aligned forms ask a guard slot for all of the slot that it stands for: what the program asked for
  // is not known exactly.
  const bool sampled_fits = block.sampled && !block.recorded && !off && block.room != block.requested && given == block.size_class;
  const bool fits = block.large
                        ? (bytes == block.requested && !off) || sampled_fits
                        : class_for_aligned(bytes, alignment ? alignment : 1) == block.size_class;
  if (!fits) {
    expected = {off ? Fault::kAlignmentMismatch : Fault::kSizeMismatch};
  } else if (block.recorded && bytes != block.requested) {
    expected = {Fault::kSizeMismatch};
  }
  const Via via = with_alignment ? Via::kFreeAligned : Via::kFreeSized;
  system_.release_sized(op.thread, block.ptr, bytes, alignment, entry_api(block.family, via));
  expect(expected);
  if (expected.fault == Fault::kNone) mark_freed(block);
}

void Runner::wrong_family(const Op& op) {
  ShadowBlock& block = shadow_[op.slot];
  if (!block.live) return;
  static constexpr Api kWrong[] = {Api::kDelete, Api::kDeleteArray, Api::kFree};
  system_.release(op.thread, block.ptr, kWrong[static_cast<unsigned>(block.family)]);
  const Expectation expected{block.recorded ? Fault::kApiMismatch : Fault::kNone};
  expect(expected);
  if (expected.fault == Fault::kNone) mark_freed(block);
}

}  // namespace hak::props
