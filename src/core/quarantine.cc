#include "core/quarantine.h"

namespace hak {
namespace {

u32 slots_withheld(unsigned size_class, u32 slots) {
  const u32 fits = Quarantine::kBudgetBytes / kStrides[size_class];
  return fits < 4 ? (slots < 4 ? slots : 4) : fits < slots ? fits : slots;
}

}  // namespace

std::size_t Quarantine::table_bytes(u32 slots) {
  std::size_t bytes = sizeof(Class) * kClassCount;
  for (unsigned c = 0; c < kClassCount; ++c) bytes += slots_withheld(c, slots) * sizeof(void*);
  return round_up(bytes, kPageBytes);
}

bool Quarantine::init(const Os& os, u32 slots) {
  if (slots < 2 || refused_) return false;
  refused_ = true;
  const std::size_t bytes = table_bytes(slots);
  auto* range = static_cast<std::byte*>(os.reserve(0, bytes + 2 * kPageBytes));
  if (!range) return false;
  if (!os.commit(range + kPageBytes, bytes)) {
    os.release(range, bytes + 2 * kPageBytes);
    return false;
  }
  refused_ = false;
  slots_ = slots;
  classes_ = reinterpret_cast<Class*>(range + kPageBytes);
  auto** at = reinterpret_cast<void**>(classes_ + kClassCount);
  for (unsigned c = 0; c < kClassCount; ++c) {
    const u32 count = capacity(c);
    classes_[c] = {at, at + count / 2, count / 2, count - count / 2, 0, 0};
    at += count;
  }
  return true;
}

void Quarantine::destroy(const Os& os) {
  each_range(os.release);
  classes_ = nullptr;
}

u32 Quarantine::capacity(unsigned size_class) const { return slots_withheld(size_class, slots_); }

void* Quarantine::take(unsigned size_class) {
  Class& of = classes_[size_class];
  if (of.queued) {
    void* out = of.queue[of.first];
    of.first = of.first + 1 == of.queue_room ? 0 : of.first + 1;
    --of.queued;
    return out;
  }
  for (u32 i = 0; i < of.place_count; ++i) {
    void* out = of.places[i];
    if (!out) continue;
    of.places[i] = nullptr;
    return out;
  }
  return nullptr;
}

}  // namespace hak
