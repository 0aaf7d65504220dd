#pragma once
// What the report says of the build and of where code lies.
#include "backing/arena.h"
#include "base/fault.h"
#include "base/text.h"

namespace hak {

extern const char kVersion[];
/// The name of the entry point without blanks, for machine lines.
const char* api_word(Api api);
const char* limit_name(Limit limit);
/// Appends " (path+0xoffset)" of the mapping that contains the address; Debug only, else nothing:
/// Release reports open no file.
void append_module(Text& out, const void* address);
/// True if the address is in this library's own code (never in a static link).
bool is_own_code(const void* address);

}  // namespace hak
