#pragma once
// RapidCheck generators for scripts. They draw the bytes of the binary form, so that every engine
// reaches the same language, and shrink operation by operation and byte by byte.
#include <rapidcheck.h>

#include <array>

#include "language/script.h"

namespace rc {

template <>
struct Arbitrary<hak::props::Op> {
  static Gen<hak::props::Op> arbitrary() {
    using Bytes = std::array<hak::u8, hak::props::kOpBytes>;
    // Full range whatever the size is: the first byte chooses the operation.
    const auto byte = gen::resize(kNominalSize, gen::inRange<int>(0, 256));
    const auto bytes = gen::map(gen::container<std::array<int, hak::props::kOpBytes>>(byte),
                                [](const std::array<int, hak::props::kOpBytes>& values) {
                                  Bytes result{};
                                  for (std::size_t i = 0; i < result.size(); ++i)
                                    result[i] = static_cast<hak::u8>(values[i]);
                                  return result;
                                });
    return gen::map(bytes, [](const Bytes& drawn) { return hak::props::decode_op(drawn.data(), hak::props::kLanguageVersion); });
  }
};

template <>
struct Arbitrary<hak::props::Script> {
  static Gen<hak::props::Script> arbitrary() {
    using hak::props::Script;
    const auto configuration = gen::weightedOneOf<Script>(
        {{3, gen::just(Script{})}, {1, gen::map(gen::arbitrary<std::array<hak::u8, 4>>(), [](const auto& header) {
                                      Script script;
                                      hak::props::decode_binary(header.data(), header.size(), &script);
                                      return script;
                                    })}});
    return gen::apply(
        [](Script script, std::vector<hak::props::Op> ops) {
          script.ops = std::move(ops);
          return script;
        },
        configuration, gen::scale(2.0, gen::arbitrary<std::vector<hak::props::Op>>()));
  }
};

}  // namespace rc

namespace hak::props {
inline void showValue(const Op& op, std::ostream& out) { out << format_op(op); }
inline void showValue(const Script& script, std::ostream& out) { out << '\n' << format_text(script); }
}  // namespace hak::props
