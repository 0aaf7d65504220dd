// The explorer's own tests: small programs whose outcomes and numbers of schedules are known.
#include <gtest/gtest.h>

#include <set>

#include "explorer.h"

namespace hak::schedule {
namespace {

struct Shared {
  Atomic<u64> x{0}, y{0}, z{0};
  SeamLock lock;
  u64 plain = 0;
  u64 seen[4] = {};
};
Shared g_shared;
std::set<std::array<u64, 4>> g_outcomes;

void restore() {
  g_shared.x.store(0);
  g_shared.y.store(0);
  g_shared.z.store(0);
  g_shared.plain = 0;
  for (u64& seen : g_shared.seen) seen = 0;
}
std::string collect() {
  g_outcomes.insert({g_shared.seen[0], g_shared.seen[1], g_shared.seen[2], g_shared.seen[3]});
  return "";
}

Result run(void (*body)(int), bool weak = false, int preemptions = -1) {
  g_outcomes.clear();
  Settings settings;
  settings.weak = weak;
  settings.stale_reads = 8;
  settings.preemptions = preemptions;
  return explore({restore, body, collect, nullptr}, settings);
}
bool seen(u64 a, u64 b, u64 c = 0, u64 d = 0) { return g_outcomes.count({a, b, c, d}) != 0; }

template <Order kStoreOrder, Order kLoadOrder>
void store_buffering(int thread) {
  Atomic<u64>& own = thread == 0 ? g_shared.x : g_shared.y;
  Atomic<u64>& other = thread == 0 ? g_shared.y : g_shared.x;
  if (thread == 2) return;
  own.store(1, kStoreOrder);
  g_shared.seen[thread] = other.load(kLoadOrder);
}

template <Order kStoreOrder, Order kLoadOrder>
void message_passing(int thread) {
  if (thread == 0) {
    g_shared.x.store(1, kRelaxed);
    g_shared.y.store(1, kStoreOrder);
  } else if (thread == 1) {
    g_shared.seen[0] = g_shared.y.load(kLoadOrder);
    g_shared.seen[1] = g_shared.x.load(kRelaxed);
  }
}

TEST(Litmus, StoreBufferingNeedsSeqCst) {
  run(store_buffering<kRelease, kAcquire>);
  EXPECT_FALSE(seen(0, 0)) << "sequentially consistent: one sees the other";
  run(store_buffering<kRelease, kAcquire>, true);
  EXPECT_TRUE(seen(0, 0)) << "release and acquire allow both to miss";
  run(store_buffering<kSeqCst, kSeqCst>, true);
  EXPECT_FALSE(seen(0, 0));
  EXPECT_EQ(g_outcomes.size(), 3U);
}

TEST(Litmus, MessagePassingNeedsReleaseAndAcquire) {
  run(message_passing<kRelaxed, kAcquire>, true);
  EXPECT_TRUE(seen(1, 0));
  run(message_passing<kRelease, kRelaxed>, true);
  EXPECT_TRUE(seen(1, 0));
  run(message_passing<kRelease, kAcquire>, true);
  EXPECT_FALSE(seen(1, 0));
  EXPECT_EQ(g_outcomes.size(), 3U);
}

void read_twice(int thread) {
  if (thread == 0) {
    g_shared.x.store(1, kRelaxed);
    g_shared.x.store(2, kRelaxed);
  } else if (thread == 1) {
    g_shared.seen[0] = g_shared.x.load(kRelaxed);
    g_shared.seen[1] = g_shared.x.load(kRelaxed);
  }
}
TEST(Litmus, ReadsOfOneWordDoNotGoBack) {
  run(read_twice, true);
  for (const auto& outcome : g_outcomes) EXPECT_LE(outcome[0], outcome[1]);
  EXPECT_EQ(g_outcomes.size(), 6U);
}

void release_sequence(int thread) {
  if (thread == 0) {
    g_shared.x.store(1, kRelaxed);
    g_shared.y.store(1, kRelease);
  } else if (thread == 1) {
    g_shared.y.fetch_add(1, kRelaxed);
  } else {
    g_shared.seen[0] = g_shared.y.load(kAcquire);
    g_shared.seen[1] = g_shared.x.load(kRelaxed);
  }
}
TEST(Litmus, ExchangesContinueAReleaseSequence) {
  run(release_sequence, true);
  EXPECT_FALSE(seen(2, 0));
  EXPECT_TRUE(seen(2, 1));
}

void writers(int) { g_shared.x.fetch_add(1, kRelaxed); }
void strangers(int thread) {
  Atomic<u64>& own = thread == 0 ? g_shared.x : thread == 1 ? g_shared.y : g_shared.z;
  for (int i = 0; i < 4; ++i) own.fetch_add(1, kRelaxed);
}
void readers(int) { (void)g_shared.x.load(kRelaxed); }
/// Last of three writers and two readers: the known example of the source-set paper.
void writer_and_readers(int thread) {
  if (thread == 0) g_shared.x.store(1, kRelaxed);
  if (thread == 1) (void)g_shared.y.load(kRelaxed);
  if (thread != 0) (void)g_shared.x.load(kRelaxed);
}

TEST(Counts, OneScheduleForEveryOrderThatDiffers) {
  EXPECT_EQ(run(writers).schedules, 6U);
  EXPECT_EQ(run(strangers).schedules, 1U);
  EXPECT_EQ(run(readers).schedules, 1U);
  EXPECT_EQ(run(writer_and_readers).schedules, 4U);
}

TEST(Counts, WithoutReductionEverySchedule) {
  EXPECT_EQ(run(writers, false, 9).schedules, 6U);
  EXPECT_EQ(run(strangers, false, 12).schedules, 34650U);  // 12! / (4!)^3
  EXPECT_EQ(run(strangers, false, 0).schedules, 6U);
}

void locked(int thread) {
  g_shared.lock.lock();
  g_shared.seen[thread] = ++g_shared.plain;
  (void)g_shared.y.load(kRelaxed);
  g_shared.lock.unlock();
}
TEST(Locks, EveryOrderOfHolders) {
  const Result result = run(locked);
  EXPECT_EQ(result.schedules, 6U);
  EXPECT_EQ(g_outcomes.size(), 6U);
}

SeamLock g_other;
void crossed(int thread) {
  if (thread == 2) return;
  SeamLock& first = thread == 0 ? g_shared.lock : g_other;
  SeamLock& second = thread == 0 ? g_other : g_shared.lock;
  first.lock();
  second.lock();
  second.unlock();
  first.unlock();
}
TEST(Locks, ADeadlockIsFound) { EXPECT_EQ(run(crossed).failure, "deadlock"); }

/// A program with branches, locks and all kinds of access.
void mixed(int thread) {
  if (g_shared.x.fetch_add(1, kAcqRel) == 1) g_shared.y.store(7, kRelease);
  if (thread == 2) g_shared.z.store(g_shared.y.load(kAcquire), kRelaxed);
  g_shared.lock.lock();
  g_shared.plain = g_shared.plain * 4 + static_cast<u64>(thread) + 1;
  g_shared.lock.unlock();
  if (thread == 1) g_shared.seen[1] = g_shared.z.load(kRelaxed);
  g_shared.seen[0] = g_shared.plain;
}
TEST(Reduction, LosesNoOutcome) {
  const Result all = run(mixed, false, 99);
  const auto expected = g_outcomes;
  const Result reduced = run(mixed);
  EXPECT_EQ(g_outcomes, expected);
  EXPECT_GT(expected.size(), 10U);
  EXPECT_LT(reduced.schedules * 10, all.schedules);
}

}  // namespace
}  // namespace hak::schedule
