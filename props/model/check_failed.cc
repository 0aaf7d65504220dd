// An instance's end of HAK_CHECK; the process heap has its own in src/abi.
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "model/guarded.h"
#include "os/os.h"

namespace hak {

[[noreturn]] void check_failed(const char* expression, const char* file, int line, unsigned long left,
                               unsigned long right) {
  TextBuffer<480> text;
  text.str("internal check failed: ").str(expression).str(" (").dec(left).str(", ").dec(right);
  text.str(") at ").str(file).str(":").num(line);
  props::stop_guarded(text);
  write_all(STDERR_FILENO, text.line().data(), text.size());
  abort();
}

}  // namespace hak
