// The 22 replaceable forms of operator new and delete, called by name so that none is folded.
#include <errno.h>
#include <sys/resource.h>

#include <fstream>
#include <new>
#include <stdexcept>

#include "abi_test.h"
#include "support/on_valgrind.h"

namespace {

constexpr std::size_t kTooMuch = std::size_t{1} << 62;
using A = std::align_val_t;

bool aligned_to(const void* p, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(p) % alignment == 0;
}

TEST(AbiNew, PlainFormsPairUpInEveryWay) {
  for (std::size_t n : {0UL, 1UL, 100UL, 5000UL, 100000UL}) {
    ::operator delete(::operator new(n));
    ::operator delete(::operator new(n), n);
    ::operator delete(::operator new(n), std::nothrow);
    ::operator delete(::operator new(n, std::nothrow));
    ::operator delete(::operator new(n, std::nothrow), n);
    ::operator delete[](::operator new[](n));
    ::operator delete[](::operator new[](n), n);
    ::operator delete[](::operator new[](n), std::nothrow);
    ::operator delete[](::operator new[](n, std::nothrow));
  }
  EXPECT_WHOLE();
}

TEST(AbiNew, AlignedFormsPairUpInEveryWay) {
  for (std::size_t n : {0UL, 1UL, 100UL, 5000UL, 100000UL}) {
    for (std::size_t alignment = 1; alignment <= 65536; alignment *= 2) {
      const A a{alignment};
      void* blocks[] = {::operator new(n, a), ::operator new(n, a), ::operator new(n, a),
                        ::operator new(n, a, std::nothrow)};
      void* arrays[] = {::operator new[](n, a), ::operator new[](n, a), ::operator new[](n, a),
                        ::operator new[](n, a, std::nothrow)};
      for (void* p : blocks) EXPECT_TRUE(aligned_to(p, alignment));
      for (void* p : arrays) EXPECT_TRUE(aligned_to(p, alignment));
      ::operator delete(blocks[0], a);
      ::operator delete(blocks[1], n, a);
      ::operator delete(blocks[2], a, std::nothrow);
      ::operator delete(blocks[3], n, a);
      ::operator delete[](arrays[0], a);
      ::operator delete[](arrays[1], n, a);
      ::operator delete[](arrays[2], a, std::nothrow);
      ::operator delete[](arrays[3], n, a);
    }
  }
  EXPECT_WHOLE();
}

[[gnu::noinline]] void* null() { return opaque<void*>(nullptr); }

TEST(AbiNew, DeletingNullDoesNothing) {
  ::operator delete(null());
  ::operator delete(null(), 10UL);
  ::operator delete(null(), std::nothrow);
  ::operator delete(null(), A{64});
  ::operator delete(null(), 10UL, A{64});
  ::operator delete(null(), A{64}, std::nothrow);
  ::operator delete[](null());
  ::operator delete[](null(), 10UL);
  ::operator delete[](null(), std::nothrow);
  ::operator delete[](null(), A{64});
  ::operator delete[](null(), 10UL, A{64});
  ::operator delete[](null(), A{64}, std::nothrow);
  EXPECT_WHOLE();
}

TEST(AbiNew, ThrowingFormsThrowBadAlloc) {
  for (std::size_t n : {kTooMuch, std::size_t{PTRDIFF_MAX} + 1, ~std::size_t{0}}) {
    EXPECT_THROW((void)::operator new(opaque(n)), std::bad_alloc);
    EXPECT_THROW((void)::operator new[](opaque(n)), std::bad_alloc);
    EXPECT_THROW((void)::operator new(opaque(n), A{64}), std::bad_alloc);
    EXPECT_THROW((void)::operator new[](opaque(n), A{64}), std::bad_alloc);
  }
  EXPECT_THROW(opaque(new char[opaque(kTooMuch)]), std::bad_alloc);
}

TEST(AbiNew, NothrowFormsReturnNull) {
  for (std::size_t n : {kTooMuch, ~std::size_t{0}}) {
    EXPECT_EQ(::operator new(opaque(n), std::nothrow), nullptr);
    EXPECT_EQ(::operator new[](opaque(n), std::nothrow), nullptr);
    EXPECT_EQ(::operator new(opaque(n), A{64}, std::nothrow), nullptr);
    EXPECT_EQ(::operator new[](opaque(n), A{64}, std::nothrow), nullptr);
  }
}

TEST(AbiNew, HugeAlignmentsAreRefused) {
  for (unsigned bits = 48; bits < 64; ++bits) {
    const A a{std::size_t{1} << bits};
    EXPECT_EQ(::operator new(10, a, std::nothrow), nullptr) << bits;
    EXPECT_EQ(::operator new[](10, a, std::nothrow), nullptr) << bits;
    EXPECT_THROW((void)::operator new(10, a), std::bad_alloc) << bits;
  }
}

/// A handler that gives up after a number of calls, in the way the test asks for.
struct Handler {
  enum class End { kThrow, kUninstall, kOtherException };
  static inline int calls = 0, limit = 0;
  static inline End end = End::kThrow;
  static void handle() {
    if (++calls < limit) return;
    if (end == End::kThrow) throw std::bad_alloc();
    if (end == End::kOtherException) throw std::runtime_error("from the handler");
    std::set_new_handler(nullptr);
  }
  Handler(int after, End how) {
    calls = 0;
    limit = after;
    end = how;
    std::set_new_handler(handle);
  }
  ~Handler() { std::set_new_handler(nullptr); }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
};

TEST(AbiNew, TheHandlerIsCalledUntilItGivesUp) {
  for (Handler::End end : {Handler::End::kThrow, Handler::End::kUninstall}) {
    for (int form = 0; form < 4; ++form) {
      Handler handler(5, end);
      const auto allocate = [form] {
        const std::size_t n = opaque(kTooMuch);
        switch (form) {
          case 0: return ::operator new(n);
          case 1: return ::operator new[](n);
          case 2: return ::operator new(n, A{128});
          default: return ::operator new[](n, A{128});
        }
      };
      EXPECT_THROW((void)allocate(), std::bad_alloc) << form;
      EXPECT_EQ(Handler::calls, 5) << form;
    }
  }
}

TEST(AbiNew, NothrowFormsCallTheHandlerTooAndSwallowItsException) {
  for (Handler::End end : {Handler::End::kThrow, Handler::End::kUninstall, Handler::End::kOtherException}) {
    for (int form = 0; form < 4; ++form) {
      Handler handler(3, end);
      const std::size_t n = opaque(kTooMuch);
      void* p = form == 0   ? ::operator new(n, std::nothrow)
                : form == 1 ? ::operator new[](n, std::nothrow)
                : form == 2 ? ::operator new(n, A{128}, std::nothrow)
                            : ::operator new[](n, A{128}, std::nothrow);
      EXPECT_EQ(p, nullptr) << form;
      EXPECT_EQ(Handler::calls, 3) << form;
    }
  }
}

TEST(AbiNew, AnExceptionOfTheHandlerPassesThroughThrowingForms) {
  Handler handler(2, Handler::End::kOtherException);
  EXPECT_THROW((void)::operator new(opaque(kTooMuch)), std::runtime_error);
  EXPECT_EQ(Handler::calls, 2);
}

/// Frees what it holds, so that the next try succeeds.
void* g_reserve = nullptr;
std::size_t g_wanted = 0;
void release_reserve() {
  ::operator delete(g_reserve);
  g_reserve = nullptr;
  std::set_new_handler(nullptr);
}

/// Writable private memory of the process, as RLIMIT_DATA counts it.
std::size_t data_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kilobytes = 0;
    if (word == "VmData:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

TEST(AbiNew, AHandlerThatFreesMemorySavesTheRequest) {
  if (hak::test::on_valgrind()) GTEST_SKIP() << "Valgrind holds mmap to no RLIMIT_DATA";
  // Room for one block of the size and not for two.
  g_wanted = std::size_t{300} << 20;
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_DATA, &before), 0);
  const rlimit tight = {data_bytes() + g_wanted * 3 / 2, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &tight), 0);
  g_reserve = ::operator new(g_wanted);
  EXPECT_EQ(::operator new(opaque(g_wanted), std::nothrow), nullptr);
  std::set_new_handler(release_reserve);
  void* p = nullptr;
  EXPECT_NO_THROW(p = ::operator new(opaque(g_wanted)));
  EXPECT_NE(p, nullptr);
  EXPECT_EQ(g_reserve, nullptr) << "the handler was called";
  ::operator delete(p);
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &before), 0);
  EXPECT_WHOLE();
}

TEST(AbiNew, ObjectsWithOverAlignedTypes) {
  struct alignas(256) Wide {
    char bytes[256];
  };
  auto* one = new Wide;
  auto* many = new Wide[7];
  EXPECT_TRUE(aligned_to(one, 256));
  EXPECT_TRUE(aligned_to(many, 256));
  delete one;
  delete[] many;
  EXPECT_WHOLE();
}

}  // namespace
