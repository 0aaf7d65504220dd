#include "core/quarantine.h"

namespace hak {

std::size_t Quarantine::table_bytes() const {
  return round_up(std::size_t{slots_} * kClassCount * sizeof(void*), kPageBytes);
}

bool Quarantine::init(const Os& os, u32 slots, u64 seed) {
  if (slots < 2) return false;
  slots_ = slots;
  random_ = Random(seed);
  auto* range = static_cast<std::byte*>(os.reserve(0, table_bytes() + 2 * kPageBytes));
  if (!range) return false;
  if (!os.commit(range + kPageBytes, table_bytes())) {
    os.release(range, table_bytes() + 2 * kPageBytes);
    return false;
  }
  table_ = reinterpret_cast<void**>(range + kPageBytes);
  return true;
}

void Quarantine::destroy(const Os& os) {
  if (table_) os.release(reinterpret_cast<std::byte*>(table_) - kPageBytes, table_bytes() + 2 * kPageBytes);
  table_ = nullptr;
  for (Class& each : classes_) each = Class{};
}

u32 Quarantine::capacity(unsigned size_class) const {
  const u32 fits = kBudgetBytes / kStrides[size_class];
  return fits < 4 ? (slots_ < 4 ? slots_ : 4) : fits < slots_ ? fits : slots_;
}

void* Quarantine::exchange(unsigned size_class, void* slot) {
  if (!try_lock(lock_)) return slot;
  Class& of = classes_[size_class];
  void** at = places(size_class);
  const u32 places_count = capacity(size_class) / 2;
  const u32 queue_room = capacity(size_class) - places_count;
  void** place = at + random_.below(places_count);
  void* out = *place;
  *place = slot;
  if (!out) {
    ++of.in_random;
  } else {
    void** queue = at + places_count;
    void* oldest = nullptr;
    if (of.queued == queue_room) {
      oldest = queue[of.first];
      of.first = of.first + 1 == queue_room ? 0 : of.first + 1;
      --of.queued;
    }
    const u32 end = of.first + of.queued;
    queue[end < queue_room ? end : end - queue_room] = out;
    ++of.queued;
    out = oldest;
  }
  lock_.unlock();
  return out;
}

void* Quarantine::take(unsigned size_class) {
  Locked locked(lock_);
  Class& of = classes_[size_class];
  void** at = places(size_class);
  const u32 places_count = capacity(size_class) / 2;
  if (of.queued) {
    void* out = at[places_count + of.first];
    of.first = of.first + 1 == capacity(size_class) - places_count ? 0 : of.first + 1;
    --of.queued;
    return out;
  }
  for (u32 i = 0; of.in_random && i < places_count; ++i) {
    if (!at[i]) continue;
    void* out = at[i];
    at[i] = nullptr;
    --of.in_random;
    return out;
  }
  return nullptr;
}

}  // namespace hak
