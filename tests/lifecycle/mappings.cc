// The process has used up its mappings (vm.max_map_count): the heap lives on what it has.
#include <sys/mman.h>

#include <vector>

#include "work.h"

int main() {
  lifecycle::Blocks before(1);
  before.churn(5'000);
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::size_t limit = 65'530;
  if (FILE* file = fopen("/proc/sys/vm/max_map_count", "r")) {
    CHECK(fscanf(file, "%zu", &limit) == 1, "the limit");
    fclose(file);
  }
  if (limit > 1'000'000) {
    fprintf(stderr, "skipped: vm.max_map_count is %zu\n", limit);
    return 77;
  }
  // Every second page of another protection is a mapping of its own.
  const std::size_t bytes = (limit + 16) * page;
  void* range = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(range != MAP_FAILED, "address space for the mappings");
  std::size_t split = 0;
  while (split < limit + 16 &&
         mprotect(static_cast<char*>(range) + split * page, page, PROT_READ) == 0)
    split += 2;
  CHECK(errno == ENOMEM && split < limit + 16, "the mappings are used up");

  before.churn(20'000);
  std::size_t refused = 0;
  std::vector<void*> blocks;
  for (int i = 0; i < 400; ++i) {
    errno = 0;
    void* p = malloc(i % 2 ? 20'000 : 200'000);
    if (p) {
      memset(p, 1, 20'000);
    } else {
      CHECK(errno == ENOMEM, "refused with ENOMEM");
      ++refused;
    }
    blocks.push_back(p);
  }
  for (void* p : blocks) free(p);
  printf("%zu mappings split, %zu of 400 blocks refused\n", split / 2, refused);
  lifecycle::check_heap();

  CHECK(munmap(range, bytes) == 0, "munmap");
  lifecycle::Blocks(2).churn(20'000);
  void* large = malloc(std::size_t{8} << 20);
  CHECK(large != nullptr, "a large block when there are mappings again");
  memset(large, 1, std::size_t{8} << 20);
  free(large);
  lifecycle::check_heap();
}
