#pragma once
// Symbols of ELF files of this machine's class.
#include <string>

namespace hak::cli {

/// Value of a defined symbol, minus the lowest address the file asks to be loaded at: its distance from
/// where the file is mapped. False if the file has no such symbol or is no ELF file.
bool find_symbol(const std::string& path, const char* name, unsigned long* distance);

}  // namespace hak::cli
