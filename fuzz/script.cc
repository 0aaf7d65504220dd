// The script forms: any bytes decode, and what decodes prints as text that parses to the same; any text
// parses or is refused with a line that says where.
#include <string>

#include "common.h"

using namespace hak;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  props::Script script, again;
  std::string error;
  props::decode_binary(data, size, &script);
  const std::string text = props::format_text(script);
  if (!props::parse_text(text, &again, &error) || !(again == script)) {
    std::fprintf(stderr, "not read back (%s):\n%s", error.c_str(), text.c_str());
    std::abort();
  }
  const std::string raw(reinterpret_cast<const char*>(data), size);
  if (props::parse_text(raw, &script, &error)) {
    if (!props::parse_text(props::format_text(script), &again, &error) || !(again == script)) std::abort();
  } else if (error.rfind("line ", 0) != 0 || error.find('\n') != std::string::npos) {
    std::fprintf(stderr, "not one line with its number: %s\n", error.c_str());
    std::abort();
  }
  fuzz::count_operations(again.ops.size() + 1);
  return 0;
}
