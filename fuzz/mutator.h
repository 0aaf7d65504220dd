#pragma once
// Mutations of scripts in binary form, an operation at a time: what engines do to bytes mostly shifts or
// breaks the operations behind the change. The technique is that of grammar-aware custom mutators
// (libprotobuf-mutator, AFL++'s custom mutator interface), on a language whose grammar is a stride.
#include "base/types.h"

namespace hak::fuzz {

/// Changes the input in place and returns its new size, at most `max_size`. `other` may lend operations;
/// it may be empty. The same seed makes the same change.
std::size_t mutate_script(u8* data, std::size_t size, std::size_t max_size, const u8* other,
                          std::size_t other_size, u64 seed);

}  // namespace hak::fuzz
