// attack: a signal handler allocates and frees while malloc is interrupted anywhere: forbidden to
// attack: programs, met in the field; nothing promises that no block has two owners then
// fault: reentry
// cases: -
// range: tiny
// glibc: * survives p<=1/2 in 24
// hakmem: * * succeeds
#include <sys/time.h>

#include <csignal>

#include "attack.h"

namespace {

constexpr size_t kBytes = 48;
constexpr int kSlots = 16;
char* in_handler[kSlots];
volatile sig_atomic_t ticks;

// Every owner writes its own mark into its block and finds it again, or the block has two owners.
void own(char* block, uint64_t mark) { attack::poke<uint64_t>(block, 16, mark); }
void disown(char* block, uint64_t mark) {
  if (attack::peek<uint64_t>(block, 16) != mark) attack::succeeded("a block had two owners");
  attack::give(block);
}

void tick(int) {
  const int slot = ticks % kSlots;
  if (in_handler[slot] != nullptr) disown(in_handler[slot], static_cast<uint64_t>(slot) + 1000);
  in_handler[slot] = attack::take(kBytes);
  own(in_handler[slot], static_cast<uint64_t>(slot) + 1000);
  ticks = ticks + 1;
}

void give_up(int) { attack::succeeded("the allocator never returned"); }

void every(int timer, int signal, void (*handler)(int), suseconds_t period_us) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
  itimerval interval = {};
  interval.it_interval.tv_sec = interval.it_value.tv_sec = period_us / 1000000;
  interval.it_interval.tv_usec = interval.it_value.tv_usec = period_us % 1000000;
  if (setitimer(timer, &interval, nullptr) != 0) attack::broken("setitimer");
}

}  // namespace

int main() {
  attack::give(attack::take(kBytes));  // the heap is started by now
  attack::begin_misuse();
  every(ITIMER_VIRTUAL, SIGVTALRM, give_up, 15000000);
  every(ITIMER_REAL, SIGALRM, tick, 50);
  char* mine[32] = {};
  for (uint64_t i = 0; ticks < 20000; ++i) {
    char*& slot = mine[i % 32];
    if (slot != nullptr) disown(slot, i - 32);
    slot = attack::take(kBytes);
    own(slot, i);
  }
  every(ITIMER_REAL, SIGALRM, tick, 0);
  attack::end_misuse();
  attack::failed("a block had two owners");
}
