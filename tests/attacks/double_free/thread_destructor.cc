// attack: a thread-specific-data destructor frees a block that the thread had freed already
// fault: double-free
// cases: 24 120
// glibc: * succeeds
// hakmem: * * double-free@at-call
#include <pthread.h>

#include "attack.h"

namespace {

struct Scene {
  char* block;
  char* other;
};
pthread_key_t key;

void free_again(void* block) {
  attack::begin_misuse(block);
  attack::give(block);
  attack::end_misuse();
}

}  // namespace

int main(int argc, char** argv) {
  const size_t size_bytes = attack::size_argument(argc, argv);
  Scene scene = {attack::take(size_bytes), attack::take(size_bytes)};
  if (pthread_key_create(&key, free_again) != 0) attack::broken("no key");
  attack::in_thread(
      [](void* raw) {
        const Scene* given = static_cast<const Scene*>(raw);
        attack::give(given->block);
        attack::poke<uint64_t>(given->block, 8, 0);  // wipes glibc's double-free mark
        attack::give(given->other);
        pthread_setspecific(key, given->block);
      },
      &scene);
  const char* first = attack::take(size_bytes);
  attack::judge(attack::take_until(first, size_bytes) == first, "one block was handed out twice");
}
