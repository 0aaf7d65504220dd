// base: random numbers, fault and API names, policies, the lock, the kernel seam.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/fault.h"
#include "base/random.h"
#include "os/lock.h"
#include "os/os.h"
#include "policy.h"
#include "support/on_valgrind.h"

namespace hak {
namespace {

TEST(Random, SameSeedSameStreamOtherSeedOther) {
  Random a(1), b(1), c(2);
  unsigned same = 0;
  for (int i = 0; i < 1000; ++i) {
    const u64 value = a.next();
    EXPECT_EQ(value, b.next());
    same += value == c.next();
  }
  EXPECT_EQ(same, 0U);
}

TEST(Random, BelowStaysBelowAndReachesEverything) {
  Random random(7);
  for (u32 bound : {1U, 2U, 3U, 10U, 64U, 1000U}) {
    std::vector<u32> seen(bound, 0);
    for (u32 i = 0; i < bound * 200; ++i) {
      const u32 value = random.below(bound);
      ASSERT_LT(value, bound);
      ++seen[value];
    }
    // 200 expected each; a bias this large has a chance of about 1e-9 per cell by luck, and the
    // seed is fixed.
    for (u32 count : seen) EXPECT_GT(count, 100U) << bound;
  }
  EXPECT_LT(random.below(~u32{0}), ~u32{0});
}

TEST(Random, EveryBitTakesBothValues) {
  Random random(0);
  u64 ones = 0, zeros = 0;
  for (int i = 0; i < 200; ++i) {
    const u64 value = random.next();
    ones |= value;
    zeros |= ~value;
  }
  EXPECT_EQ(ones, ~u64{0});
  EXPECT_EQ(zeros, ~u64{0});
}

TEST(Faults, NamesAreStableUniqueAndDescribed) {
  const std::vector<std::string> kPublished = {
      "double-free",     "racing-free",    "interior-pointer",   "misaligned-pointer",
      "foreign-pointer", "never-allocated", "freed-memory",      "corrupt-header",
      "overflow",        "size-mismatch",  "alignment-mismatch", "underflow", "out-of-bounds", "use-after-free", "write-after-free",
      "new-delete-mismatch"};
  std::set<std::string> ids, texts;
  for (unsigned i = 1; i < static_cast<unsigned>(Fault::kCount); ++i) {
    ids.insert(fault_id(static_cast<Fault>(i)));
    texts.insert(fault_text(static_cast<Fault>(i)));
  }
  EXPECT_EQ(ids, std::set<std::string>(kPublished.begin(), kPublished.end()));
  EXPECT_EQ(texts.size(), ids.size());
  EXPECT_STREQ(fault_id(Fault::kNone), "none");
  EXPECT_STREQ(fault_id(Fault::kCount), "none");
  EXPECT_STREQ(fault_text(Fault::kNone), "no fault");
}

TEST(Faults, ApiNamesAreUnique) {
  std::set<std::string> names;
  for (unsigned i = 0; i < static_cast<unsigned>(Api::kCount); ++i)
    names.insert(api_name(static_cast<Api>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Api::kCount));
  EXPECT_STREQ(api_name(Api::kFree), "free");
  EXPECT_STREQ(api_name(Api::kDeleteArray), "operator delete[]");
  EXPECT_STREQ(api_name(Api::kUsableSize), "malloc_usable_size");
}

TEST(Policies, IndexAndValueAreInverse) {
  std::set<unsigned> seen;
  for (unsigned i = 0; i < kPolicyCount; ++i) {
    EXPECT_EQ(policy_index(policy_at(i)), i);
    seen.insert(policy_index(policy_at(i)));
  }
  EXPECT_EQ(seen.size(), 48U);
}

TEST(Locks, ExcludeAndCanBeReset) {
  Lock lock;
  u64 count = 0;  // not atomic: the lock is what makes the sum right
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50000; ++i) {
        Locked locked(lock);
        ++count;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count, 200000U);
  lock.lock();
  lock.reset();
  lock.lock();
  lock.unlock();
}

TEST(Locks, AWaiterSleepsAndIsWoken) {
  Lock lock;
  std::atomic<bool> waiting{false}, entered{false};
  lock.lock();
  errno = 4711;
  std::thread other([&] {
    waiting = true;
    errno = 4712;
    Locked locked(lock);
    EXPECT_EQ(errno, 4712) << "waiting keeps errno";
    entered = true;
  });
  while (!waiting) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(entered);
  lock.unlock();
  EXPECT_EQ(errno, 4711) << "waking keeps errno";
  other.join();
  EXPECT_TRUE(entered);
}

/// True if the byte can be read and written. process_vm_readv would do without a fault, but asks for
/// a capability in some sandboxes; the kernel's answer to a system call is enough.
bool accessible(void* at) {
  errno = 0;
  unsigned char vec = 0;
  if (mincore(at, kPageBytes, &vec) != 0) return false;
  // write(2) from the address and read(2) to it through a pipe: EFAULT where access is forbidden.
  int ends[2];
  if (pipe(ends) != 0) return false;
  const bool readable = write(ends[1], at, 1) == 1;
  const bool writable = readable && read(ends[0], at, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return readable && writable;
}

TEST(Kernel, ReserveCommitPurgeGuard) {
  constexpr std::size_t kBytes = 16 * kPageBytes;
  auto* at = static_cast<char*>(kLinux.reserve(0, kBytes));
  ASSERT_NE(at, nullptr);
  EXPECT_FALSE(accessible(at));
  ASSERT_TRUE(kLinux.commit(at, kBytes));
  EXPECT_TRUE(accessible(at));
  memset(at, 1, kBytes);
  ASSERT_TRUE(kLinux.purge(at, kBytes));
  EXPECT_EQ(at[0], 0);
  EXPECT_EQ(at[kBytes - 1], 0);
  memset(at, 2, kBytes);
  ASSERT_TRUE(kLinux.guard(at + kPageBytes, kPageBytes));
  EXPECT_TRUE(accessible(at));
  EXPECT_FALSE(accessible(at + kPageBytes));
  EXPECT_TRUE(accessible(at + 2 * kPageBytes));
  ASSERT_TRUE(kLinux.unguard(at + kPageBytes, kPageBytes));
  EXPECT_TRUE(accessible(at + kPageBytes));
  EXPECT_EQ(at[kPageBytes], 0) << "the guard took the content";
  EXPECT_EQ(at[2 * kPageBytes], 2);
  kLinux.release(at, kBytes);
  EXPECT_FALSE(accessible(at));
}

TEST(Kernel, AHintIsTakenExactlyOrNotAtAll) {
  void* somewhere = kLinux.reserve(0, kUnitBytes);
  ASSERT_NE(somewhere, nullptr);
  EXPECT_EQ(kLinux.reserve(address_of(somewhere), kPageBytes), nullptr) << "taken already";
  kLinux.release(somewhere, kUnitBytes);
  void* again = kLinux.reserve(address_of(somewhere), kPageBytes);
  EXPECT_EQ(again, somewhere);
  kLinux.release(again, kPageBytes);
}

TEST(Kernel, FailuresAreResultsAndKeepErrno) {
  errno = 4711;
  EXPECT_EQ(kLinux.reserve(0, std::size_t{1} << 60), nullptr);
  void* unmapped = kLinux.reserve(0, kPageBytes);
  kLinux.release(unmapped, kPageBytes);
  EXPECT_FALSE(kLinux.commit(unmapped, kPageBytes));
  EXPECT_FALSE(kLinux.purge(unmapped, kPageBytes));
  EXPECT_FALSE(kLinux.guard(unmapped, kPageBytes));
  EXPECT_FALSE(kLinux.unguard(unmapped, kPageBytes));
  EXPECT_FALSE(kLinux.move(unmapped, unmapped, kPageBytes));
  EXPECT_EQ(errno, 4711);
}

TEST(Kernel, MoveTakesThePagesAlong) {
  if (test::on_valgrind()) GTEST_SKIP() << "Valgrind knows no MREMAP_DONTUNMAP";
  constexpr std::size_t kBytes = 8 * kPageBytes;
  auto* from = static_cast<char*>(kLinux.reserve(0, kBytes));
  auto* to = static_cast<char*>(kLinux.reserve(0, kBytes));
  ASSERT_TRUE(kLinux.commit(from, kBytes));
  ASSERT_TRUE(kLinux.commit(to, kBytes));
  for (std::size_t i = 0; i < kBytes; ++i) from[i] = static_cast<char>(i / 7);
  ASSERT_TRUE(kLinux.move(from, to, kBytes));
  for (std::size_t i = 0; i < kBytes; ++i) ASSERT_EQ(to[i], static_cast<char>(i / 7)) << i;
  EXPECT_EQ(from[0], 0);
  EXPECT_EQ(from[kBytes - 1], 0);
  from[0] = 1;
  kLinux.release(from, kBytes);
  kLinux.release(to, kBytes);
}

/// Address space of the process.
std::size_t mapped_bytes() {
  std::ifstream sizes("/proc/self/statm");
  std::size_t pages = 0;
  sizes >> pages;
  return pages * kPageBytes;
}

// Where an address is a hint only, as under Valgrind, each refusal left a mapping of the size behind.
TEST(Kernel, ARefusedMoveLeavesNoMappingBehind) {
  constexpr std::size_t kBytes = std::size_t{256} << 20;
  void* from = kLinux.reserve(0, kBytes);
  void* to = kLinux.reserve(0, kBytes);
  ASSERT_TRUE(kLinux.commit(to, kBytes));
  kLinux.release(from, kBytes);
  const std::size_t before = mapped_bytes();
  ASSERT_NE(before, 0U);
  EXPECT_FALSE(kLinux.move(from, to, kBytes));
  EXPECT_LT(mapped_bytes(), before + kBytes);
  EXPECT_TRUE(accessible(to));
  kLinux.release(to, kBytes);
}

TEST(Kernel, ClockAndEntropyMove) {
  const u64 before = kLinux.now_ms();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const u64 passed = kLinux.now_ms() - before;
  EXPECT_GE(passed, 20U);
  EXPECT_LT(passed, 30000U);
  EXPECT_NE(kLinux.entropy(), kLinux.entropy());
}

}  // namespace
}  // namespace hak
