// Memory resources: pools, arenas, and what they hand back upstream.
#include <list>
#include <map>
#include <memory_resource>
#include <string>
#include <thread>
#include <vector>

#include "compat.h"

namespace {

void use(std::pmr::memory_resource& from, int rounds) {
  std::pmr::vector<std::pmr::string> strings(&from);
  std::pmr::map<int, std::pmr::list<long>> lists(&from);
  long sum = 0;
  for (int i = 0; i < rounds; ++i) {
    strings.emplace_back(static_cast<std::size_t>(i % 300), 'x');
    lists[i % 17].push_back(i);
    sum += i;
  }
  for (const auto& [key, list] : lists)
    for (long value : list) sum -= value;
  CHECK(sum == 0 && strings.size() == static_cast<std::size_t>(rounds));
}

void raw(std::pmr::memory_resource& from) {
  for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2)
    for (std::size_t size : {1UL, 17UL, 1000UL, 9000UL, 300000UL}) {
      void* p = from.allocate(size, alignment);
      CHECK(p && aligned_to(p, alignment));
      fill(p, size, 9);
      from.deallocate(p, size, alignment);
    }
}

}  // namespace

int main() {
  raw(*std::pmr::new_delete_resource());
  use(*std::pmr::new_delete_resource(), 2000);
  {
    std::pmr::monotonic_buffer_resource arena;
    raw(arena);
    use(arena, 2000);
    arena.release();
    use(arena, 500);
    char first[256];
    std::pmr::monotonic_buffer_resource small(first, sizeof first, &arena);
    use(small, 200);
  }
  {
    std::pmr::unsynchronized_pool_resource pool({.max_blocks_per_chunk = 50, .largest_required_pool_block = 512});
    raw(pool);
    use(pool, 2000);
    pool.release();
    use(pool, 500);
  }
  {
    std::pmr::synchronized_pool_resource pool;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { use(pool, 1500); });
    for (auto& thread : threads) thread.join();
    raw(pool);
  }
  auto* before = std::pmr::set_default_resource(std::pmr::null_memory_resource());
  bool refused = false;
  try {
    std::pmr::vector<long> none(100);
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  std::pmr::set_default_resource(before);
  CHECK(refused);
  return compat_end("pmr");
}
