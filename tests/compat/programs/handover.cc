// Blocks that outlive the thread that made them, and end in another.
#include <malloc.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "compat.h"

namespace {

struct Node {
  virtual ~Node() = default;
  std::shared_ptr<Node> next;
  std::string text;
};

std::size_t size_at(std::size_t i) { return i * i % 5000 + (i % 97 == 0 ? 100000 : 1); }

/// Makes blocks in a thread that is gone when they are looked at.
std::vector<void*> made_elsewhere(std::size_t count) {
  std::vector<void*> blocks(count);
  std::thread([&] {
    for (std::size_t i = 0; i < count; ++i) {
      blocks[i] = malloc(size_at(i));
      fill(blocks[i], size_at(i), static_cast<unsigned>(i));
    }
  }).join();
  return blocks;
}

void end_blocks(std::vector<void*>& blocks, std::size_t step) {
  for (std::size_t i = step; i < blocks.size(); i += 3) {
    CHECK(filled(blocks[i], size_at(i), static_cast<unsigned>(i)));
    CHECK(malloc_usable_size(blocks[i]) >= size_at(i));
    if (i % 2) {
      blocks[i] = realloc(blocks[i], size_at(i) + 500);
      CHECK(filled(blocks[i], size_at(i), static_cast<unsigned>(i)));
    }
    free(blocks[i]);
  }
}

}  // namespace

int main() {
  for (int round = 0; round < 10; ++round) {
    std::vector<void*> blocks = made_elsewhere(600);
    std::thread second([&] { end_blocks(blocks, 1); }), third([&] { end_blocks(blocks, 2); });
    end_blocks(blocks, 0);
    second.join();
    third.join();
  }
  std::shared_ptr<Node> list;
  for (int i = 0; i < 200; ++i)
    std::thread([&] {
      auto node = std::make_shared<Node>();
      node->text = std::string(static_cast<std::size_t>(i) * 5, 'n');
      node->next = std::move(list);
      list = std::move(node);
    }).join();
  CHECK(list->text.size() == 995);
  std::thread([last = std::move(list)]() mutable { last.reset(); }).join();

  std::vector<std::future<std::unique_ptr<std::string>>> results;
  for (std::size_t i = 0; i < 50; ++i)
    results.push_back(std::async(std::launch::async, [i] { return std::make_unique<std::string>(i * 100, 'r'); }));
  for (std::size_t i = 0; i < 50; ++i) CHECK(results[i].get()->size() == i * 100);

  std::packaged_task<std::vector<int>()> task([] { return std::vector<int>(1000, 5); });
  auto result = task.get_future();
  std::thread(std::move(task)).join();
  CHECK(result.get()[999] == 5);
  // A detached thread whose last act is to hand over.
  std::promise<void*> promise;
  std::thread([&] { promise.set_value(malloc(77)); }).detach();
  free(promise.get_future().get());
  return compat_end("handover");
}
