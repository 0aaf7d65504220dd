#include "system/kernel_os.h"

#include <errno.h>

#include <map>

namespace hak {

extern const Os kKernel asm("__real__ZN3hak6kLinuxE");
extern const Os kOrdered asm("__wrap__ZN3hak6kLinuxE");

namespace props {
namespace {

struct Order {
  u64 countdown = 0;  ///< the call that fails, counted from 1; 0: none
  u64 more = 0;       ///< how many behind it
  bool always = false;
};
Order g_orders[static_cast<unsigned>(OsCall::kCount)];
u32 g_failures = 0;
bool g_ledger_open = false;
bool g_ledger_wrong = false;

std::map<std::uintptr_t, std::size_t>& ledger() {
  static std::map<std::uintptr_t, std::size_t> reserved;
  return reserved;
}

bool fails(OsCall call) {
  Order& order = g_orders[static_cast<unsigned>(call)];
  if (!order.always && (order.countdown == 0 || --order.countdown != 0)) return false;
  if (!order.always && order.more) {
    --order.more;
    order.countdown = 1;
  }
  ++g_failures;
  return true;
}

void* reserve(std::uintptr_t hint, std::size_t bytes) {
  if (fails(OsCall::kReserve)) return nullptr;
  void* at = kKernel.reserve(hint, bytes);
  if (at && g_ledger_open) ledger()[address_of(at)] = bytes;
  return at;
}
void release(void* at, std::size_t bytes) {
  if (g_ledger_open) {
    const auto known = ledger().find(address_of(at));
    if (known == ledger().end() || known->second != bytes) {
      g_ledger_wrong = true;
    } else {
      ledger().erase(known);
    }
  }
  kKernel.release(at, bytes);
}
bool commit(void* at, std::size_t bytes) { return !fails(OsCall::kCommit) && kKernel.commit(at, bytes); }
bool purge(void* at, std::size_t bytes) { return !fails(OsCall::kPurge) && kKernel.purge(at, bytes); }
bool guard(void* at, std::size_t bytes) { return !fails(OsCall::kGuard) && kKernel.guard(at, bytes); }
bool unguard(void* at, std::size_t bytes) { return !fails(OsCall::kUnguard) && kKernel.unguard(at, bytes); }
bool move(void* from, void* to, std::size_t bytes) {
  return !fails(OsCall::kMove) && kKernel.move(from, to, bytes);
}
void sparse(void* at, std::size_t bytes) { kKernel.sparse(at, bytes); }
bool light_guards() { return kKernel.light_guards(); }
std::size_t address_limit() { return kKernel.address_limit(); }
u64 now_ms() { return kKernel.now_ms(); }
u64 entropy() { return kKernel.entropy(); }

}  // namespace

const Os& KernelOs::table() { return kOrdered; }

void KernelOs::fail(OsCall call, u64 nth, u64 more) { g_orders[static_cast<unsigned>(call)] = {nth, more, false}; }
void KernelOs::fail_always(OsCall call) { g_orders[static_cast<unsigned>(call)].always = true; }

void KernelOs::disarm() {
  for (Order& order : g_orders) order = Order{};
}

u32 KernelOs::take_failures() {
  const u32 failures = g_failures;
  g_failures = 0;
  return failures;
}

void KernelOs::note_failure() { ++g_failures; }

u32 KernelOs::failures() { return g_failures; }

void KernelOs::open_ledger() {
  ledger().clear();
  g_ledger_wrong = false;
  g_ledger_open = true;
}

std::size_t KernelOs::close_ledger() {
  g_ledger_open = false;
  std::size_t bytes = 0;
  for (const auto& [at, length] : ledger()) bytes += length;
  return g_ledger_wrong ? ~std::size_t{0} : bytes;
}

}  // namespace props

constinit const Os kOrdered = {.reserve = props::reserve,
                               .commit = props::commit,
                               .purge = props::purge,
                               .guard = props::guard,
                               .unguard = props::unguard,
                               .move = props::move,
                               .release = props::release,
                               .sparse = props::sparse,
                               .light_guards = props::light_guards,
                               .address_limit = props::address_limit,
                               .now_ms = props::now_ms,
                               .entropy = props::entropy};

}  // namespace hak
