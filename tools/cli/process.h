#pragma once
// The heap of another process, read through process_vm_readv: nothing runs in it, nothing stops it.
#include <string>
#include <vector>

#include "abi/published.h"

namespace hak::cli {

class Process {
 public:
  /// Finds the library in the process. Throws Failure: no such process, no permission, no hakmem in it,
  /// another version.
  explicit Process(int id);

  const Layout& layout() const { return layout_; }
  const std::string& library() const { return library_; }

  /// Reads exactly; throws Failure.
  void read(u64 address, void* to, std::size_t bytes) const;
  template <typename T>
  T value(u64 address) const {
    T result;
    read(address, &result, sizeof result);
    return result;
  }
  template <typename T>
  std::vector<T> array(u64 address, std::size_t count) const {
    std::vector<T> result(count);
    if (count) read(address, result.data(), count * sizeof(T));
    return result;
  }
  std::string text(u64 address) const;
  /// Resident bytes of the process, and of the mappings that lie in [from, to).
  u64 resident_bytes(u64 from, u64 to) const;

 private:
  void find_library();
  int id_;
  std::string library_;
  u64 layout_at_ = 0;
  Layout layout_ = {};
};

}  // namespace hak::cli
