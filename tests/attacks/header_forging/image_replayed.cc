// attack: save a live block with its header, free it, write everything back, use it once more: all
// attack: that is in band says that the block lives
// fault: double-free
// cases: free realloc usable sized-delete
// range: tiny
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include <new>

#include "attack.h"

namespace {

constexpr size_t kBytes = 200;

void use(const char* how, char* block) {
  if (std::strcmp(how, "free") == 0) return attack::give(block);
  if (std::strcmp(how, "realloc") == 0) {
    attack::resize(block, kBytes);
    return;
  }
  if (std::strcmp(how, "usable") == 0) {
    attack::usable(block);
    return;
  }
  if (std::strcmp(how, "sized-delete") == 0) {
    return ::operator delete(static_cast<void*>(attack::hide(block)), kBytes);
  }
  attack::broken("unknown call");
}

}  // namespace

int main(int argc, char** argv) {
  const char* how = attack::word_argument(argc, argv);
  void* raw = ::operator new(kBytes);
  char* block = attack::hide(static_cast<char*>(raw));
  char image[16 + kBytes + 8];
  std::memcpy(image, block - 16, sizeof image);
  ::operator delete(static_cast<void*>(attack::hide(block)));
  std::memcpy(attack::hide(block) - 16, image, sizeof image);
  attack::begin_misuse(block);
  use(how, block);
  attack::end_misuse();
  if (std::strcmp(how, "usable") == 0) attack::succeeded("a freed block was measured");
  if (std::strcmp(how, "realloc") == 0) {
    attack::judge(attack::take(kBytes) == block, "realloc revived a freed block");
  }
  const char* first = attack::take(kBytes);
  attack::judge(first == attack::take(kBytes), "one block was handed out twice");
}
