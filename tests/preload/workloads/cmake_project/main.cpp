#include <iostream>
#include <string>

#include "config.h"

std::string unit1();
std::string unit2();
std::string unit3();

int main() {
  std::cout << unit1() << unit2() << unit3() << LONG_DOUBLE_SIZE << DISTINCT << '\n';
}
