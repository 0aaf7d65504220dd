#pragma once
// Which live blocks can still be got at: the marks of a conservative collector that collects nothing, after
// Boehm & Weiser, Garbage Collection in an Uncooperative Environment, 1988. A word that points to any byte of
// a live block reaches it; whoever asks gives the words of the program's memory, and then those of every
// block that was reached. What nothing has reached in the end is lost.
//
// B1  the bit of a granule in `unreached` is set <=> a block that was live at begin() starts there, and no
//     word has reached it
// B2  its bit in `pending` is set <=> the block was reached and next() has not given it
#include "core/heap_core.h"

namespace hak {

class Reach {
 public:
  explicit Reach(HeapCore& heap) : heap_(heap) {}
  ~Reach();
  Reach(const Reach&) = delete;
  Reach& operator=(const Reach&) = delete;

  // The caller holds the arena's lock from begin() to the last next().

  /// Takes down what is live now. False without memory for it.
  bool begin();
  /// A word that the program has somewhere.
  void word(std::uintptr_t value);
  struct Block {
    const std::byte* at;
    std::size_t bytes;
    bool steady;  ///< can be read for as long as the lock is held; others are closed without it when freed
  };
  /// A block that was reached and whose words are to be given. False if there is none, at present.
  bool next(Block* out);

  /// The live block was live at begin() and nothing has reached it.
  bool lost(const void* block) const;
  /// Calls visit(address, bytes) for the memory of the marks.
  template <typename Visit>
  void each_range(Visit&& visit) const {
    if (unreached_) visit(unreached_, table_bytes());
  }

 private:
  static constexpr std::size_t kUnitWords = kGranulesPerUnit / 64;
  std::size_t table_bytes() const;
  Block block_at(std::size_t granule) const;
  static bool bit(const u64* bits, std::size_t granule) { return bits[granule / 64] >> granule % 64 & 1; }

  HeapCore& heap_;
  u32 units_ = 0;        ///< of the arena at begin()
  u64* unreached_ = nullptr;
  u64* pending_ = nullptr;
  u32* span_of_ = nullptr;  ///< exact inside of large blocks too, which the arena's own map is not
  u32* waiting_ = nullptr;  ///< units with bits in pending_, each once
  bool* waits_ = nullptr;
  u32 waiting_count_ = 0;
};

}  // namespace hak
