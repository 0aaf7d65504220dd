// Containers and owners that move memory between them.
#include <any>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compat.h"

namespace {

/// Frees what malloc made.
struct Freeing {
  void operator()(void* p) const { free(p); }
};

/// An allocator with a state that goes along.
template <typename T>
struct Tagged {
  using value_type = T;
  using propagate_on_container_move_assignment = std::true_type;
  explicit Tagged(int given) : tag(given) {}
  template <typename U>
  explicit Tagged(const Tagged<U>& other) : tag(other.tag) {}
  T* allocate(std::size_t count) { return static_cast<T*>(calloc(count, sizeof(T))); }
  void deallocate(T* p, std::size_t) { free(p); }
  bool operator==(const Tagged& other) const { return tag == other.tag; }
  int tag;
};

void nodes() {
  std::map<int, std::string> a, b;
  std::unordered_map<int, std::string> hashed;
  for (int i = 0; i < 1000; ++i) {
    a[i] = std::string(static_cast<std::size_t>(i % 60), 'a');
    hashed[i * 3] = a[i];
  }
  for (int i = 0; i < 1000; i += 2) {
    auto node = a.extract(i);
    node.key() = -i;
    b.insert(std::move(node));
  }
  b.merge(a);
  CHECK(b.size() == 1000 && a.empty());
  hashed.rehash(10000);
  hashed.erase(hashed.begin(), std::next(hashed.begin(), 900));
  CHECK(hashed.size() == 100);
  std::list<int> one(500, 1), two(500, 2);
  one.splice(std::next(one.begin(), 100), two);
  one.sort();
  CHECK(one.size() == 1000 && one.front() == 1 && one.back() == 2);
}

void owners() {
  std::unique_ptr<char, Freeing> text(strdup("owned by malloc"));
  std::shared_ptr<char> shared(std::move(text));
  std::shared_ptr<char> inside(shared, shared.get() + 5);
  std::weak_ptr<char> weak = shared;
  shared.reset();
  CHECK(!weak.expired() && inside.get()[0] == ' ');
  inside.reset();
  CHECK(weak.expired());
  auto array = std::make_shared<std::string[]>(20, std::string(100, 'z'));
  auto tagged = std::allocate_shared<std::string>(Tagged<std::string>(3), 200, 't');
  std::weak_ptr<std::string> outlives = tagged;
  tagged.reset();
  CHECK(array[19].size() == 100 && outlives.expired());
  std::any any = std::vector<int>(1000, 1);
  any = std::string(1000, 'n');
  std::function<std::size_t()> function = [held = std::string(500, 'f')] { return held.size(); };
  auto copied = function;
  function = nullptr;
  CHECK(copied() == 500 && std::any_cast<std::string>(any).size() == 1000);
}

void growth() {
  std::vector<int, Tagged<int>> a(Tagged<int>(1)), b(Tagged<int>(2));
  for (int i = 0; i < 100000; ++i) a.push_back(i);
  b = std::move(a);
  b.shrink_to_fit();
  CHECK(b.size() == 100000 && b[99999] == 99999 && b.get_allocator().tag == 1);
  std::deque<std::string> deque;
  for (int i = 0; i < 5000; ++i) (i % 2 ? deque.emplace_front(40, 'f') : deque.emplace_back(10, 'b'));
  while (deque.size() > 100) deque.pop_back();
  deque.shrink_to_fit();
  CHECK(deque.size() == 100);
  std::string text;
  for (int i = 0; i < 20000; ++i) text += static_cast<char>('a' + i % 26);
  text.erase(10);
  text.shrink_to_fit();
  CHECK(text == "abcdefghij");
  std::vector<bool> bits(100001, true);
  bits.resize(50);
  CHECK(bits[49]);
}

}  // namespace

int main() {
  nodes();
  owners();
  growth();
  return compat_end("containers");
}
