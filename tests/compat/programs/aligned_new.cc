// Aligned new and delete, of every alignment and in every form of delete that fits.
#include <memory>
#include <new>
#include <vector>

#include "compat.h"

namespace {

using A = std::align_val_t;

void one(std::size_t size, std::size_t alignment) {
  const A a{alignment};
  void* blocks[] = {::operator new(size, a), ::operator new(size, a), ::operator new(size, a),
                    ::operator new(size, a, std::nothrow)};
  for (void* p : blocks) {
    CHECK(p && aligned_to(p, alignment));
    fill(p, size, 3);
  }
  for (void* p : blocks) CHECK(filled(p, size, 3));
  ::operator delete(blocks[0], a);
  ::operator delete(blocks[1], size, a);
  ::operator delete(blocks[2], a, std::nothrow);
  ::operator delete(blocks[3], a);
  void* arrays[] = {::operator new[](size, a), ::operator new[](size, a),
                    ::operator new[](size, a, std::nothrow)};
  for (void* p : arrays) CHECK(p && aligned_to(p, alignment));
  ::operator delete[](arrays[0], a);
  ::operator delete[](arrays[1], size, a);
  ::operator delete[](arrays[2], a, std::nothrow);
}

template <std::size_t N>
struct alignas(N) Wide {
  Wide() { CHECK(aligned_to(this, N)); }
  ~Wide() { CHECK(aligned_to(this, N)); }
  char bytes[N + 1] = {};
};

template <std::size_t N>
void types() {
  delete new Wide<N>;
  delete[] new Wide<N>[3];
  std::vector<Wide<N>> grown(1);
  for (int i = 0; i < 20; ++i) grown.emplace_back();
  auto shared = std::make_shared<Wide<N>>();
  auto unique = std::make_unique<Wide<N>[]>(2);
  CHECK(aligned_to(shared.get(), N) && aligned_to(&unique[1], N));
}

}  // namespace

int main() {
  for (std::size_t alignment = 1; alignment <= std::size_t{1} << 20; alignment *= 2)
    for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{100}, alignment - 1,
                             alignment, alignment + 1, alignment * 2})
      if (size <= std::size_t{1} << 20) one(size, alignment);
  types<16>();
  types<32>();
  types<64>();
  types<256>();
  types<4096>();
  return compat_end("aligned_new");
}
