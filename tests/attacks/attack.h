#pragma once
// What every attack program shares: allocation calls the compiler cannot see through, raw memory
// access at any offset, and the trace that tells the runner in which step the program died.
//
// A program ends in exactly one of these ways:
//   succeeded()   the misuse had its effect and nothing noticed          exit 0
//   failed()      nothing noticed, but the misuse had no effect          exit 3
//   broken()      the program could not set its scene up                 exit 2
//   a fault       the allocator, libc or a guard page stopped it         a signal
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace attack {

/// The step the program is in. The runner reads it after death: a fault in kMisuse was raised by
/// the misusing call itself, one in kFree when the damaged block was freed, one in kExploit later.
enum class Stage : uint64_t { kSetup, kMisuse, kExploit, kFree };

void begin_misuse(const void* pointer = nullptr);  // the pointer a report must name, if known
void end_misuse();                                 // operations are counted from here
void begin_free();
void end_free();
void count_operation();  // for calls that do not go through the wrappers below

[[noreturn]] void succeeded(const char* what);
[[noreturn]] void failed(const char* what);
[[noreturn]] void broken(const char* what);

/// succeeded() if the condition holds, else failed() with what was hoped for.
[[noreturn]] void judge(bool condition, const char* what);

/// The allocator under attack: an attacker knows where its target keeps its metadata.
bool against_hakmem();

/// For the programs that misuse nothing: ends well, exit 0.
[[noreturn]] void clean(const char* what);

size_t size_argument(int argc, char** argv);
const char* word_argument(int argc, char** argv);

// malloc, calloc, realloc, free and malloc_usable_size, each counted as one operation.
char* take(size_t size_bytes);
char* take_zeroed(size_t count, size_t size_bytes);
char* resize(void* pointer, size_t size_bytes);
void give(void* pointer);
size_t usable(void* pointer);

/// Makes the compiler forget where a pointer came from.
template <typename T>
T* hide(T* pointer) {
  asm volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

/// A number the compiler knows nothing of.
inline size_t opaque(size_t value) {
  asm volatile("" : "+r"(value));
  return value;
}

template <typename T>
T peek(const void* pointer, ptrdiff_t offset) {
  T value;
  std::memcpy(&value, hide(static_cast<const char*>(pointer)) + offset, sizeof value);
  return value;
}

template <typename T>
void poke(void* pointer, ptrdiff_t offset, T value) {
  std::memcpy(hide(static_cast<char*>(pointer)) + offset, &value, sizeof value);
  asm volatile("" : : : "memory");
}

/// Stores a byte that differs from the one found there, `value` if possible.
void damage_byte(void* pointer, ptrdiff_t offset, uint8_t value);

inline uintptr_t address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }
inline char* at_address(uintptr_t value) { return reinterpret_cast<char*>(value); }
bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes);
bool readable(const void* page);  // is the page mapped

/// Start of glibc's heap, where its per-thread cache lies; else the start of the block's own page.
char* heap_start(const void* block);

/// Allocates and frees many blocks of one size, so that every batch in the allocator turns over.
void churn(size_t size_bytes);

/// Blocks churn() uses for this size.
size_t churn_count(size_t size_bytes);

/// Allocates many blocks of this size, in rounds, until `wanted` is among them, and keeps that
/// round's. nullptr if it never comes back.
char* take_until(const void* wanted, size_t size_bytes);

/// Eight blocks of one size, for filling glibc's per-thread cache (7) before the real attack.
class Filler {
 public:
  explicit Filler(size_t size_bytes);
  void fill();   // frees seven of them
  void drain();  // takes seven blocks of that size back

 private:
  size_t size_bytes_;
  char* blocks_[7];
};

/// Runs `body` in a thread to its end.
void in_thread(void (*body)(void*), void* argument);

// glibc's chunk geometry, for the programs that forge chunks.
constexpr size_t chunk_bytes(size_t request_bytes) {
  const size_t padded = (request_bytes + 8 + 15) & ~static_cast<size_t>(15);
  return padded < 32 ? 32 : padded;
}
constexpr size_t kPreviousInUse = 1;
constexpr size_t kMapped = 2;

/// glibc's "safe linking": what a free-list link stored at `position` looks like.
inline uintptr_t mangle(const void* position, const void* target) {
  return (address(position) >> 12) ^ address(target);
}

}  // namespace attack
