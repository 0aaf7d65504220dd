// What the heap keeps for itself, changed for a moment: verify must name the invariant that is broken.
#include "backing/slab.h"
#include "model/runner.h"

namespace hak::props {
namespace {

/// A value until the end of the scope.
template <typename Value>
class For {
 public:
  For(Value& at, Value value) : at_(at), kept_(at) { at_ = value; }
  ~For() { at_ = kept_; }
  For(const For&) = delete;
  For& operator=(const For&) = delete;

 private:
  Value& at_;
  Value kept_;
};

u8 with_kind_of(u8 state, u8 kind) { return static_cast<u8>((state & kKeyMask) | kind); }

}  // namespace

void Runner::expect_broken(const char* invariant) {
  const char* said = heap_->verify();
  const std::string name = said ? said : "nothing";
  if (name.compare(0, std::char_traits<char>::length(invariant), invariant) != 0)
    fail("verify says " + name + ", broken is " + invariant);
}

void Runner::damage(const Op& op) {
  const ShadowBlock& block = shadow_[op.slot];
  if (!heap_ || !block.live || heap_->verify()) return;
  Arena& arena = heap_->arena;
  const u32 unit = arena.span_of(arena.unit_of(block.ptr));
  Span& span = *arena.span(unit);
  u8& state = *arena.state_of(block.ptr);
  const auto which = static_cast<Broken>(op.word);
  if (which == Broken::kSpanUnits) {
    const For<u32> longer(span.units, span.units + 1);
    return expect_broken("A1");
  }
  if (which == Broken::kSpanLost) {
    const For<u32> none(span.units, 0);
    return expect_broken("A1");
  }
  if (which >= Broken::kCachedLive) return damage_magazine(which, block);
  if (block.large) {
    const For<u8> gone(state, kNotASlot);
    return expect_broken("L1");
  }
  damage_slab(which, block, unit, span);
}

/// The magazine that the block's owner keeps for its class, if there is anything in it.
void Runner::damage_magazine(Broken which, const ShadowBlock& block) {
  if (block.large) return;
  const Arena& arena = heap_->arena;
  ThreadCache* owner = arena.span(arena.span_of(arena.unit_of(block.ptr)))->owner.load(kRelaxed);
  if (!owner || alloc_count(owner->pair(block.size_class)) < 2) return;
  void** top = owner->pair(block.size_class).alloc_top;
  if (which == Broken::kCachedTaken) {
    u8& state = *arena.state_of(top[0]);
    const For<u8> live(state, with_kind_of(state, kLiveBits));
    return expect_broken("M3");
  }
  const For<void*> wrong(top[0], which == Broken::kCachedLive ? block.ptr : top[1]);
  expect_broken("M3");
}

void Runner::damage_slab(Broken which, const ShadowBlock& block, u32 unit, Span& slab) {
  Arena& arena = heap_->arena;
  u8& state = *arena.state_of(block.ptr);
  const u32 slot = slab_slot_of(slab, block.ptr);
  switch (which) {
    case Broken::kHeader: {
      const For<u8> wrong(block.ptr[-1], static_cast<u8>(block.ptr[-1] ^ 1));
      return expect_broken("H1");
    }
    case Broken::kLastHeader: {
      auto* last = reinterpret_cast<u8*>(slab_slot_address(slab, slab.carved)) - 1;
      const For<u8> wrong(*last, 0);
      return expect_broken("H1");
    }
    case Broken::kStateKey: {
      const For<u8> wrong(state, static_cast<u8>(state ^ 4));
      return expect_broken("H1");
    }
    case Broken::kStateFree: {
      const For<u8> wrong(state, with_kind_of(state, kFreeBits));
      return expect_broken("S1");
    }
    case Broken::kStateRemote: {
      const For<u8> wrong(state, with_kind_of(state, kRemoteBits));
      return expect_broken("R1");
    }
    case Broken::kBitmap: {
      u64& word = arena.free_bits(unit)[slot / 64];
      const For<u64> free(word, word | u64{1} << (slot % 64));
      const For<u32> count(slab.free_count, slab.free_count + 1);
      return expect_broken("S2");
    }
    case Broken::kFreeCount: {
      const For<u32> count(slab.free_count, slab.free_count + 1);
      return expect_broken("S2");
    }
    case Broken::kCarved: {
      const For<u32> carved(slab.carved, slab.slots + 1);
      return expect_broken("S3");
    }
    default: {
      if (slab.stride < 2 * kGranuleBytes) return;
      const For<u8> wrong(*arena.state_of(block.ptr + kGranuleBytes), slab.header);
      return expect_broken("S3");
    }
  }
}

}  // namespace hak::props
