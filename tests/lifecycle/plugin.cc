// A C++ module for a C program: containers, exceptions, thread-local and static objects.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" int plugin_run(int number);

namespace {

std::vector<std::string> g_kept;
thread_local std::vector<std::string> t_kept;

/// Throws a message made of the number and reads it back from the exception.
int thrown_and_caught(int number) {
  try {
    throw std::runtime_error("number " + std::to_string(number));
  } catch (const std::exception& error) {
    return error.what() == "number " + std::to_string(number) ? number : -1;
  }
}

}  // namespace

/// Returns its argument if everything in between works.
int plugin_run(int number) {
  auto text = std::make_unique<std::string>(static_cast<std::size_t>(number) * 50 + 1, 'p');
  g_kept.push_back(*text);
  t_kept.push_back("kept " + *text);
  if (g_kept.back().size() + 5 != t_kept.back().size()) return -1;
  return thrown_and_caught(number);
}
