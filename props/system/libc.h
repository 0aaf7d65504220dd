#pragma once
// The C library's own allocator, with the legal part of scripts: what fails here is the oracle's fault.
#include "system/system.h"

namespace hak::props {

class LibcSystem : public System {
 public:
  bool reset(const Script&) override { return true; }
  void* allocate(unsigned thread, std::size_t bytes, Api api) override;
  void* calloc(unsigned thread, std::size_t count, std::size_t size) override;
  void* allocate_aligned(unsigned thread, std::size_t alignment, std::size_t bytes, Api api) override;
  void* reallocate(unsigned thread, void* p, std::size_t bytes) override;
  void* reallocate_array(unsigned thread, void* p, std::size_t count, std::size_t size) override;
  void release(unsigned thread, void* p, Api api) override;
  void release_sized(unsigned thread, void* p, std::size_t bytes, std::size_t alignment, Api api) override;
  std::size_t usable(unsigned thread, void* p) override;
  void thread_start(unsigned) override {}
  void thread_exit(unsigned) override {}
  void purge(unsigned) override;
  std::size_t max_request() const override { return std::size_t{64} << 20; }
};

}  // namespace hak::props
