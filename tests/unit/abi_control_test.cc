// mallinfo and its family, and hakmem.h.
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "abi_test.h"

namespace {

std::string option(const char* name) {
  char buffer[64];
  return hakmem_option_get(name, buffer, sizeof buffer) == 0 ? buffer : "(none)";
}

TEST(AbiControl, MallinfoFollowsAllocations) {
  const struct mallinfo2 before = mallinfo2();
  std::vector<void*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(malloc(1000));
  void* large = malloc(5000000);
  const struct mallinfo2 during = mallinfo2();
  EXPECT_GE(during.uordblks - before.uordblks, 1000U * 1000 + 5000000);
  EXPECT_LE(during.uordblks - before.uordblks, 1000U * 1100 + 5100000);
  EXPECT_EQ(during.hblks - before.hblks, 1U);
  EXPECT_GE(during.hblkhd - before.hblkhd, 5000000U);
  EXPECT_GE(during.arena, 1000U * 1000);
  for (void* p : blocks) free(p);
  free(large);
  const struct mallinfo2 after = mallinfo2();
  EXPECT_LT(after.uordblks, before.uordblks + 10000);
  EXPECT_EQ(after.hblks, before.hblks);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const struct mallinfo old = mallinfo();
#pragma GCC diagnostic pop
  EXPECT_EQ(static_cast<std::size_t>(old.uordblks), after.uordblks);
}

TEST(AbiControl, MallocInfoIsXml) {
  char* text = nullptr;
  std::size_t size = 0;
  FILE* stream = open_memstream(&text, &size);
  EXPECT_EQ(malloc_info(0, stream), 0);
  fclose(stream);
  const std::string xml(text, size);
  free(text);
  EXPECT_EQ(xml.rfind("<malloc version=\"", 0), 0U) << xml;
  // Every element that is opened is closed, in order.
  std::vector<std::string> open;
  for (std::size_t at = xml.find('<'); at != std::string::npos; at = xml.find('<', at + 1)) {
    const std::size_t end = xml.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = xml.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find_first_of(" /"));
    if (tag[0] == '/') {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(tag.substr(1), open.back());
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    EXPECT_EQ(std::count(tag.begin(), tag.end(), '"') % 2, 0) << tag;
  }
  EXPECT_TRUE(open.empty());
  EXPECT_NE(xml.find("<system type=\"current\" size=\""), std::string::npos);
  errno = 0;
  EXPECT_EQ(malloc_info(1, stdout), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(AbiControl, MallocStatsWritesToStderr) {
  testing::internal::CaptureStderr();
  malloc_stats();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.rfind(hakmem_build_info(), 0), 0U) << text;
  EXPECT_NE(text.find("live blocks"), std::string::npos);
}

TEST(AbiControl, MalloptAcceptsWhatProgramsSet) {
  for (int param : {M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_CHECK_ACTION,
                    M_PERTURB, M_ARENA_TEST, M_ARENA_MAX})
    EXPECT_EQ(mallopt(param, 1), 1) << param;
  EXPECT_EQ(mallopt(M_MXFAST, 64), 1);
  EXPECT_EQ(mallopt(M_MXFAST, -1), 0);
  EXPECT_EQ(mallopt(M_MXFAST, 1 << 20), 0);
  EXPECT_EQ(mallopt(12345, 1), 0);
}

TEST(AbiControl, TrimAndPurgeGiveMemoryBack) {
  std::vector<void*> blocks;
  for (int i = 0; i < 20000; ++i) blocks.push_back(malloc(500));
  for (void* p : blocks) memset(p, 1, 500);
  for (void* p : blocks) free(p);
  hakmem_stats before, after;
  hakmem_stats_get(&before);
  EXPECT_EQ(malloc_trim(0), 1);
  hakmem_stats_get(&after);
  EXPECT_LT(after.slab_bytes + after.free_dirty_bytes,
            before.slab_bytes + before.free_dirty_bytes - 5000000);
  EXPECT_EQ(after.free_dirty_bytes, 0U);
  EXPECT_GT(after.purge_calls, before.purge_calls);
  EXPECT_EQ(hakmem_purge(), 0) << "nothing is left";
  EXPECT_WHOLE();
}

TEST(AbiControl, StatisticsOfAProcess) {
  hakmem_stats before, after;
  hakmem_stats_get(&before);
  std::vector<void*> blocks;
  for (int i = 0; i < 5000; ++i) blocks.push_back(malloc(100));
  std::thread([&] {
    for (int i = 0; i < 2500; ++i) {
      free(blocks.back());
      blocks.pop_back();
    }
    hakmem_stats_get(&after);
    EXPECT_GE(after.threads, before.threads + 1);
  }).join();
  hakmem_stats_get(&after);
  EXPECT_NEAR(static_cast<double>(after.live_blocks - before.live_blocks), 2500, 10);
  // What rests in the quarantine of Debug is not freed yet, and no longer live.
  const double resting = std::stod(option("HAKMEM_QUARANTINE"));
  EXPECT_NEAR(static_cast<double>(after.remote_frees - before.remote_frees), 2500 - resting / 2, 10 + resting / 2);
  EXPECT_GE(after.committed_bytes, after.slab_bytes + after.large_bytes);
  EXPECT_GE(after.reserved_bytes, after.committed_bytes);
  for (void* p : blocks) free(p);
}

TEST(AbiControl, AReportAllocatesNothing) {
  static unsigned long long held;
  const auto count = [] {
    hakmem_stats now;
    hakmem_stats_get(&now);
    return now.live_blocks;
  };
  const pid_t child = fork();
  if (child == 0) {
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    signal(SIGABRT, [](int) {
      hakmem_stats now;
      hakmem_stats_get(&now);
      _exit(now.live_blocks == held ? 0 : 1);
    });
    void* block = opaque(malloc(40));
    free(block);
    held = count();
    free(opaque(block));
    _exit(2);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: allocated; 2: no report";
}

TEST(AbiControl, EndedThreadsGiveTheirCachesBack) {
  const auto count = [] {
    hakmem_stats stats;
    hakmem_stats_get(&stats);
    return stats.threads;
  };
  const std::size_t before = count();
  for (int i = 0; i < 20; ++i) std::thread([] { free(malloc(100)); }).join();
  EXPECT_EQ(count(), before);
}

TEST(AbiControl, TheWalkFindsEveryBlockOfTheProgram) {
  std::map<void*, std::size_t> mine;
  for (std::size_t bytes : {0UL, 10UL, 500UL, 30000UL, 100000UL}) {
    void* p = malloc(bytes);
    mine[p] = 0;
  }
  struct Found {
    std::map<void*, std::size_t>* mine;
    std::size_t blocks, bytes;
  } found{&mine, 0, 0};
  hakmem_walk(
      [](void* block, std::size_t usable, void* context) {
        auto* into = static_cast<Found*>(context);
        ++into->blocks;
        into->bytes += usable;
        if (auto at = into->mine->find(block); at != into->mine->end()) ++at->second;
      },
      &found);
  for (auto [p, count] : mine) {
    EXPECT_EQ(count, 1U);
    free(p);
  }
  EXPECT_GE(found.blocks, mine.size());
}

TEST(AbiControl, OptionsCanBeRead) {
  EXPECT_EQ(option("HAKMEM_PROFILE"), "hardened");
  EXPECT_EQ(option("HAKMEM_ON_FAULT"), "abort");
  EXPECT_EQ(option("HAKMEM_ROUTE_MASK"), "255");
  char buffer[8] = "#######";
  EXPECT_EQ(hakmem_option_get("HAKMEM_NONE", buffer, sizeof buffer), EINVAL);
  EXPECT_EQ(hakmem_option_get(nullptr, buffer, sizeof buffer), EINVAL);
  EXPECT_EQ(hakmem_option_get("HAKMEM_PROFILE", buffer, sizeof buffer), ERANGE);
  EXPECT_EQ(hakmem_option_get("HAKMEM_PROFILE", nullptr, 0), ERANGE);
  char exact[9];
  EXPECT_EQ(hakmem_option_get("HAKMEM_PROFILE", exact, 9), 0);
  EXPECT_STREQ(exact, "hardened");
}

TEST(AbiControl, OptionsCanBeChangedWhereTheySayso) {
  EXPECT_EQ(hakmem_option_set("HAKMEM_PURGE_DELAY_MS", "100"), 0);
  EXPECT_EQ(option("HAKMEM_PURGE_DELAY_MS"), "100");
  EXPECT_EQ(hakmem_option_set("HAKMEM_PURGE_DELAY_MS", "250"), 0);
  EXPECT_EQ(hakmem_option_set("HAKMEM_PURGE_DELAY_MS", "x"), EINVAL);
  EXPECT_EQ(hakmem_option_set("HAKMEM_PURGE_DELAY_MS", "3600001"), EINVAL);
  EXPECT_EQ(hakmem_option_set("HAKMEM_NONE", "1"), EINVAL);
  EXPECT_EQ(hakmem_option_set(nullptr, "1"), EINVAL);
  EXPECT_EQ(hakmem_option_set("HAKMEM_SEED", nullptr), EINVAL);
  for (const char* name : {"HAKMEM_SEED", "HAKMEM_FORCE_LIBC", "HAKMEM_ARENA_GIB"})
    EXPECT_EQ(hakmem_option_set(name, "1"), EPERM) << name;
  EXPECT_EQ(hakmem_option_set("HAKMEM_PROFILE", "fast"), EPERM);
  EXPECT_EQ(hakmem_option_set("HAKMEM_ON_FAULT", "continue"), EPERM);
  EXPECT_EQ(option("HAKMEM_PURGE_DELAY_MS"), "250");
}

TEST(AbiControl, EveryPolicySwitchWorksWhileTheProgramRuns) {
  std::vector<void*> blocks;
  for (const char* name : {"HAKMEM_DIRECT", "HAKMEM_FASTLANE_ENV_CTX", "HAKMEM_TRUSTED_HEADER",
                           "HAKMEM_ROUTE_MAP"}) {
    const std::string before = option(name);
    for (const char* value : {"0", "1", "0", "1"}) {
      EXPECT_EQ(hakmem_option_set(name, value), 0);
      EXPECT_EQ(option(name), value);
      for (std::size_t i = 0; i < 2000; ++i) {
        blocks.push_back(malloc(i % 1500));
        memset(blocks.back(), 1, i % 1500);
        if (i % 3 == 0) {
          free(blocks.back());
          blocks.pop_back();
        }
      }
    }
    EXPECT_EQ(hakmem_option_set(name, before.c_str()), 0);
  }
  EXPECT_EQ(hakmem_option_set("HAKMEM_FASTLANE_CLASS_MASK", "0x0f"), 0);
  EXPECT_EQ(option("HAKMEM_FASTLANE_CLASS_MASK"), "15");
  EXPECT_EQ(hakmem_option_set("HAKMEM_FASTLANE_CLASS_MASK", "255"), 0);
  for (void* p : blocks) free(p);
  EXPECT_WHOLE();
}

TEST(AbiControl, EachVisitsEveryOptionWithTermination) {
  std::map<std::string, std::string> seen;
  hakmem_option_each(
      [](const char* name, const char* value, const char* accepted, const char* doc, void* context) {
        auto* into = static_cast<std::map<std::string, std::string>*>(context);
        EXPECT_TRUE(into->emplace(name, value).second);
        EXPECT_GT(strlen(accepted), 3U);
        EXPECT_LT(strlen(accepted), 128U);
        EXPECT_GT(strlen(doc), 10U);
      },
      &seen);
  EXPECT_GE(seen.size(), 17U);
  for (const auto& [name, value] : seen) EXPECT_EQ(option(name.c_str()), value);
}

}  // namespace
