// HAKMEM_CONFIG_LOCK: hooks and options cannot be written after start-up. Linked with the static
// library, since it aims where an attacker with one write would: at the process's own heap object.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/process.h"
#include "hakmem.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

namespace {

using hak::g_heap;

u_long lock_level() {
  free(malloc(10));
  char text[32] = {};
  EXPECT_EQ(hakmem_option_get("HAKMEM_CONFIG_LOCK", text, sizeof text), 0);
  return strtoul(text, nullptr, 10);
}

template <typename T>
void overwrite(T& target, T value) {
  *const_cast<volatile T*>(&target) = value;
}

void* page_of(const void* at) {
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(at) / 4096 * 4096);
}

TEST(ConfigLock, AWriteFaults) {
  ASSERT_GE(lock_level(), 1U);
  const auto killed = testing::KilledBySignal(SIGSEGV);
  EXPECT_EXIT(overwrite(g_heap.sink, hak::FaultSink{nullptr}), killed, "");
  EXPECT_EXIT(overwrite(g_heap.trailing_check, false), killed, "");
  EXPECT_EXIT(*static_cast<volatile char*>(page_of(&g_heap.options)) = 1, killed, "");
  EXPECT_EXIT(*static_cast<volatile char*>(g_heap.options.later_page()) = 1, killed, "");
  // What is written all the time shares no page with it.
  void* p = malloc(10);
  ASSERT_NE(p, nullptr);
  free(p);
}

TEST(ConfigLock, AnOptionThatMayChangeStillDoesAndIsLockedAgain) {
  ASSERT_GE(lock_level(), 1U);
  ASSERT_EQ(hakmem_option_set("HAKMEM_PURGE_DELAY_MS", "123"), 0);
  char text[32] = {};
  ASSERT_EQ(hakmem_option_get("HAKMEM_PURGE_DELAY_MS", text, sizeof text), 0);
  EXPECT_STREQ(text, "123");
  EXPECT_EXIT(*static_cast<volatile char*>(g_heap.options.later_page()) = 1,
              testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EQ(hakmem_option_set("HAKMEM_PROFILE", "fast"), EPERM);
}

TEST(ConfigLock, SealedPagesStayAsTheyAre) {
  const auto level = lock_level();
  void* own = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool can_seal = syscall(SYS_mseal, own, 4096UL, 0UL) == 0;
  const int opened = mprotect(page_of(&g_heap.sink), 4096, PROT_READ | PROT_WRITE);
  if (level == 2 && can_seal) {
    EXPECT_EQ(opened, -1) << "a sealed page was opened";
    EXPECT_EQ(munmap(page_of(&g_heap.options), 4096), -1);
  } else {
    EXPECT_EQ(opened, 0);
    ASSERT_EQ(mprotect(page_of(&g_heap.sink), 4096, PROT_READ), 0);
  }
}

}  // namespace
