#include "model/shadow.h"

namespace hak::props {

unsigned class_for(std::size_t bytes) {
  // The largest stride below bytes + 1 ends the search; strides ascend (G2).
  if (bytes >= kStrides[kClassCount - 1]) return kClassCount;
  unsigned low = 0, high = kClassCount - 1;
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    if (kStrides[middle] >= bytes + 1) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

unsigned class_for_aligned(std::size_t bytes, std::size_t alignment) {
  if (alignment <= kGranuleBytes) return class_for(bytes);
  if (alignment > kPageBytes) return kClassCount;
  const std::size_t need = bytes > alignment ? bytes : alignment;
  for (unsigned c = class_for(bytes); c < kClassCount; ++c)
    if (kStrides[c] % alignment == 0) return kStrides[c] <= 2 * need ? c : kClassCount;
  return kClassCount;
}

std::size_t room_for(std::size_t bytes, unsigned size_class) {
  if (size_class < kClassCount) return kStrides[size_class] - 1;
  return (bytes ? bytes + kPageBytes - 1 : kPageBytes) / kPageBytes * kPageBytes;
}

void Shadow::clear() {
  for (ShadowBlock& block : blocks_) block = ShadowBlock{};
  dirty_.clear();
}

ShadowBlock* Shadow::find_live(const void* p) {
  for (ShadowBlock& block : blocks_)
    if (block.live && block.ptr == p) return &block;
  return nullptr;
}

bool Shadow::was_handed_out(const void* p, u32 birth) const {
  for (const ShadowBlock& block : blocks_)
    if (block.ptr == p && block.birth == birth) return true;
  return false;
}

const ShadowBlock* Shadow::find_overlap(const void* p, std::size_t bytes, const ShadowBlock* except) const {
  const std::uintptr_t begin = address_of(p);
  for (const ShadowBlock& block : blocks_) {
    if (!block.live || &block == except) continue;
    const std::uintptr_t other = address_of(block.ptr);
    if (begin < other + block.room && other < begin + bytes) return &block;
  }
  return nullptr;
}

std::size_t Shadow::live_count() const {
  std::size_t count = 0;
  for (const ShadowBlock& block : blocks_) count += block.live;
  return count;
}

std::size_t Shadow::large_count() const {
  std::size_t count = 0;
  for (const ShadowBlock& block : blocks_) count += block.live && block.large;
  return count;
}

std::size_t Shadow::live_room() const {
  std::size_t bytes = 0;
  for (const ShadowBlock& block : blocks_) bytes += block.live ? block.room : 0;
  return bytes;
}

bool Shadow::take_dirty(const void* p, u32 birth) {
  if (dirty_.empty()) return false;
  const std::size_t before = dirty_.size();
  std::erase_if(dirty_, [&](const Dirty& dirty) { return dirty.ptr == p && dirty.birth == birth; });
  return dirty_.size() != before;
}

Expectation Shadow::classify_slab(const HeapCore& heap, u32 unit, const void* p) {
  const Span& slab = *heap.arena.span(unit);
  const std::uintptr_t start = address_of(slab.start);
  const std::uintptr_t at = address_of(p);
  if (at < start || (at - start) / slab.stride >= slab.slots || (at - start) % slab.stride)
    return {Fault::kInteriorPointer};
  if ((at - start) / slab.stride >= slab.carved) return {Fault::kNeverAllocated};
  if (const ShadowBlock* block = find_live(p)) {
    const u8 found = *(static_cast<const u8*>(p) - 1);
    return {found == block->header ? Fault::kNone : Fault::kCorruptHeader};
  }
  // A slot that waits in a magazine was never the program's, but looks freed to the allocator.
  if (was_handed_out(p, slab.birth)) return {Fault::kDoubleFree};
  return {Fault::kNeverAllocated, Fault::kDoubleFree};
}

Expectation Shadow::classify(const HeapCore& heap, const void* p) {
  const Arena& arena = heap.arena;
  const std::uintptr_t offset = address_of(p) - arena.base;
  if (offset >= arena.reserved_bytes()) return {Fault::kForeignPointer};
  if (address_of(p) % kGranuleBytes) return {Fault::kMisalignedPointer};
  u32 unit = 0;
  const u32 wanted = static_cast<u32>(offset / kUnitBytes);
  while (unit < arena.frontier() && wanted - unit >= arena.span(unit)->units) unit += arena.span(unit)->units;
  if (unit >= arena.frontier()) return {Fault::kNeverAllocated};
  const Span& span = *arena.span(unit);
  if (span.kind == SpanKind::kSlab) return classify_slab(heap, unit, p);
  if (span.kind != SpanKind::kLarge) return {Fault::kFreedMemory};
  if (p != span.start) return {Fault::kInteriorPointer};
  return {find_live(p) ? Fault::kNone : Fault::kDoubleFree};
}

Expectation Shadow::classify_release(const HeapCore& heap, const void* p) {
  const Expectation expected = classify(heap, p);
  const ShadowBlock* block = find_live(p);
  if (expected.fault != Fault::kNone || !block || block->large || !heap.trailing_check) return expected;
  return {block->ptr[block->room] == block->header ? Fault::kNone : Fault::kOverflow};
}

}  // namespace hak::props
