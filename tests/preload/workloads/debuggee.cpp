// What gdb is run on: something to stop in, look at and step through.
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

struct Account {
  std::string owner;
  std::map<std::string, int> entries;
  std::vector<double> rates;
};

int descend(int depth, const Account& account) {
  if (depth == 0) {
    return static_cast<int>(account.entries.size());
  }
  const int below = descend(depth - 1, account);
  return below + depth;
}

int main() {
  Account account{"somebody with a name too long to fit in place", {}, {0.5, 1.5, 2.5}};
  int total = 0;
  for (int i = 0; i < 5; ++i) {
    account.entries["entry " + std::to_string(i)] = i * i;
    total += descend(i, account);
  }
  std::thread other([&account] { account.owner += " and another"; });
  other.join();
  std::cout << "total " << total << ", owner " << account.owner << '\n';
  return 3;
}
