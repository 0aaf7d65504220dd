// A program that is heavy to compile: it instantiates much of the standard library, thousands of
// recursive templates and one large variant visitor per pair of types. It is compiled under the
// library under test (where the compiler itself is the workload), then run under it.
// What it prints depends on nothing but this file.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <numeric>
#include <optional>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#ifndef HEAVY_SIZE
#define HEAVY_SIZE 20  // g++ -O1 peaks at about 1 GiB; the suite compiles a smaller one
#endif

namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
  return hash * 0xff51afd7ed558ccdu;
}

std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  for (const char c : text) {
    hash = mix(hash, static_cast<unsigned char>(c));
  }
  return hash;
}

// A type per number, so that each container below is instantiated anew for each.
template <int N>
struct Tagged {
  std::uint64_t value = N;
  std::string name = "tag-" + std::to_string(N);

  friend bool operator<(const Tagged& a, const Tagged& b) { return a.value < b.value; }
  friend bool operator==(const Tagged& a, const Tagged& b) { return a.value == b.value; }
};

template <int N>
struct TaggedHash {
  std::size_t operator()(const Tagged<N>& tagged) const { return tagged.value * 31 + N; }
};

template <int N>
std::uint64_t exercise_containers() {
  using T = Tagged<N>;
  std::mt19937_64 random(N);
  std::vector<T> vector(97);
  for (T& element : vector) {
    element.value = random() % 1000;
    element.name += std::to_string(element.value);
  }
  std::map<T, std::vector<std::string>> map;
  std::unordered_map<T, std::list<T>, TaggedHash<N>> table;
  std::set<std::pair<T, int>> set;
  std::deque<std::optional<T>> deque;
  std::forward_list<std::shared_ptr<T>> shared;
  for (const T& element : vector) {
    map[element].push_back(element.name);
    table[element].push_front(element);
    set.emplace(element, static_cast<int>(element.value % 7));
    deque.emplace_back(element.value % 3 == 0 ? std::nullopt : std::optional<T>(element));
    shared.push_front(std::make_shared<T>(element));
  }
  std::stable_sort(vector.begin(), vector.end());
  std::uint64_t hash = N;
  for (const auto& [key, names] : map) {
    hash = std::accumulate(names.begin(), names.end(), mix(hash, key.value),
                           [](std::uint64_t h, const std::string& n) { return mix(h, n); });
    hash = mix(hash, table.at(key).size());
  }
  for (const auto& [element, rest] : set) {
    hash = mix(hash, element.name) + static_cast<std::uint64_t>(rest);
  }
  for (const auto& maybe : deque) {
    hash = mix(hash, maybe ? maybe->value : 0);
  }
  for (const auto& element : shared) {
    hash = mix(hash, element->value);
  }
  return hash;
}

template <int... N>
std::uint64_t exercise_all(std::integer_sequence<int, N...>) {
  std::uint64_t hash = 0;
  ((hash = mix(hash, exercise_containers<N>())), ...);
  return hash;
}

// Recursion through types: the compiler keeps every one of them.
template <std::size_t N, typename... Ts>
struct Grow : Grow<N - 1, std::array<char, N>, Ts...> {};

template <typename... Ts>
struct Grow<0, Ts...> {
  using Type = std::tuple<Ts...>;
};

template <std::uint64_t N>
struct Collatz {
  static constexpr std::uint64_t kSteps = 1 + Collatz<N % 2 == 0 ? N / 2 : 3 * N + 1>::kSteps;
};

template <>
struct Collatz<1> {
  static constexpr std::uint64_t kSteps = 0;
};

template <std::uint64_t... N>
constexpr std::uint64_t collatz_sum(std::integer_sequence<std::uint64_t, N...>) {
  return (Collatz<N + 1>::kSteps + ...);
}

template <typename Tuple, std::size_t... I>
std::uint64_t sum_of_sizes(const Tuple& tuple, std::index_sequence<I...>) {
  return (sizeof(std::get<I>(tuple)) + ...);
}

using Value = std::variant<std::monostate, bool, int, unsigned, long, double, char, std::string,
                           std::vector<int>, std::map<std::string, int>, std::set<long>,
                           std::shared_ptr<std::string>, std::pair<int, std::string>>;

std::uint64_t exercise_variants() {
  std::vector<Value> values = {
      std::monostate{}, true, 42, 7u, -9L, 2.5, 'x', std::string("text long enough to allocate"),
      std::vector<int>{1, 2, 3}, std::map<std::string, int>{{"one", 1}}, std::set<long>{5, 6},
      std::make_shared<std::string>("shared"), std::pair<int, std::string>(3, "pair")};
  std::uint64_t hash = 0;
  for (const Value& a : values) {
    for (const Value& b : values) {
      hash = mix(hash, std::visit(
          [](const auto& x, const auto& y) -> std::uint64_t {
            return sizeof(x) * 131 + sizeof(y) +
                   (std::is_same_v<decltype(x), decltype(y)> ? 1000u : 0u);
          },
          a, b));
    }
  }
  return hash;
}

std::uint64_t exercise_regex() {
  std::ostringstream log;
  for (int i = 0; i < 1500; ++i) {
    log << "2024-0" << (1 + i % 9) << "-1" << i % 10 << " host" << i % 17 << " service[" << i
        << "]: user" << i % 23 << "@example.org requested /path/" << i * 7 % 101 << "?id=" << i
        << " in " << std::fixed << std::setprecision(2) << i * 0.37 << " ms\n";
  }
  const std::string text = log.str();
  const std::regex line(R"((\d{4})-(\d\d)-(\d\d) (\w+) (\w+)\[(\d+)\]: (\w+)@([\w.]+) \w+ )"
                        R"((/\S*?)(\?(\w+)=(\d+))? in ([\d.]+) ms)", std::regex::optimize);
  std::uint64_t hash = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), line), end; it != end; ++it) {
    for (const auto& part : *it) {
      hash = mix(hash, part.str());
    }
  }
  const std::wregex word(L"([a-z]+)([0-9]+)");
  const std::wstring wide(text.begin(), text.begin() + 5000);
  hash = mix(hash, std::regex_replace(wide, word, L"$2$1").size());
  return hash;
}

std::uint64_t exercise_pools() {
  std::pmr::unsynchronized_pool_resource pool;
  std::pmr::map<std::pmr::string, std::pmr::vector<std::pmr::string>> map(&pool);
  for (int i = 0; i < 20000; ++i) {
    std::pmr::string key("key which does not fit in place " + std::to_string(i % 997), &pool);
    map[key].emplace_back(std::to_string(i * 31));
  }
  std::uint64_t hash = 0;
  for (const auto& [key, entries] : map) {
    hash = mix(mix(hash, key), entries.size());
  }
  return hash;
}

std::uint64_t exercise_futures() {
  std::vector<std::future<std::uint64_t>> futures;
  for (std::uint64_t i = 0; i < 32; ++i) {
    futures.push_back(std::async(std::launch::async, [i] {
      std::function<std::uint64_t(std::uint64_t)> fibonacci = [&](std::uint64_t n) {
        return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
      };
      return fibonacci(10 + i % 8);
    }));
  }
  std::uint64_t hash = 0;
  for (auto& future : futures) {
    hash = mix(hash, future.get());
  }
  return hash;
}

}  // namespace

// Usage: heavy [ROUNDS]. Every round must find what the first one found.
int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::stoi(argv[1]) : 1;
  std::string first;
  for (int round = 0; round < rounds; ++round) {
    std::ostringstream found;
    found << "containers " << exercise_all(std::make_integer_sequence<int, HEAVY_SIZE>())
          << "\ncollatz    "
          << collatz_sum(std::make_integer_sequence<std::uint64_t, HEAVY_SIZE * 10>())
          << "\ntuple      "
          << sum_of_sizes(Grow<120>::Type{}, std::make_index_sequence<120>())
          << "\nvariants   " << exercise_variants() << "\nregex      " << exercise_regex()
          << "\npools      " << exercise_pools() << "\nfutures    " << exercise_futures() << '\n';
    if (round == 0) {
      first = found.str();
    } else if (found.str() != first) {
      std::cerr << "round " << round << " differs:\n" << found.str();
      return 1;
    }
  }
  std::cout << first;
}
