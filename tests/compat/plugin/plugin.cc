// A library that is loaded and unloaded: it has static objects, thread-local ones, and gives blocks away.
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>

namespace {
std::map<int, std::string> g_map = {{1, std::string(100, '1')}, {2, std::string(5000, '2')}};
thread_local std::string t_text(300, 't');
}  // namespace

struct Shape {
  virtual ~Shape() = default;
  virtual int sides() const = 0;
};
struct Square : Shape {
  int sides() const override { return 4; }
  std::string name = std::string(50, 'q');
};

extern "C" {
void* plugin_block(std::size_t size) { return std::malloc(size); }
void plugin_free(void* p) { std::free(p); }
Shape* plugin_shape() { return new Square; }
int plugin_count() { return static_cast<int>(g_map.size() + t_text.size()); }
void plugin_throw() { throw std::runtime_error(std::string(200, 'e')); }
}
