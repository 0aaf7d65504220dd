#include "support/scripted_os.h"

#include <sys/mman.h>

namespace hak::test {
namespace {

Script g_script;

void complain(const char* what) {
  if (g_script.complaint.empty()) g_script.complaint = what;
}

/// Takes [at, at+bytes) out of the ledger; it may be part of a reservation.
void forget(std::uintptr_t at, std::size_t bytes) {
  auto entry = g_script.reserved.upper_bound(at);
  if (entry == g_script.reserved.begin()) return complain("release of what is not reserved");
  --entry;
  const std::uintptr_t begin = entry->first;
  const std::uintptr_t end = begin + entry->second;
  if (at + bytes > end) return complain("release of what is not reserved");
  g_script.reserved.erase(entry);
  if (at > begin) g_script.reserved[begin] = at - begin;
  if (at + bytes < end) g_script.reserved[at + bytes] = end - (at + bytes);
}

bool known(const void* p, std::size_t bytes) {
  auto entry = g_script.reserved.upper_bound(address_of(p));
  if (entry == g_script.reserved.begin()) return false;
  --entry;
  return address_of(p) + bytes <= entry->first + entry->second;
}

void* reserve(std::uintptr_t hint, std::size_t bytes) {
  if (bytes == 0 || bytes % kPageBytes || hint % kPageBytes) complain("reserve is not page aligned");
  if (g_script.fails(kCallReserve) || (hint && (HAK_TSAN || g_script.refuse_hints))) return nullptr;
  void* at = kLinux.reserve(hint, bytes);
  if (at) g_script.reserved[address_of(at)] = bytes;
  return at;
}

bool commit(void* at, std::size_t bytes) {
  if (!known(at, bytes)) complain("commit of what is not reserved");
  return !g_script.fails(kCallCommit) && kLinux.commit(at, bytes);
}

bool purge(void* at, std::size_t bytes) {
  if (!known(at, bytes)) complain("purge of what is not reserved");
  return !g_script.fails(kCallPurge) && kLinux.purge(at, bytes);
}

bool guard(void* at, std::size_t bytes) {
  if (!known(at, bytes)) complain("guard of what is not reserved");
  if (g_script.fails(kCallGuard)) return false;
  if (!g_script.old_kernel) return kLinux.guard(at, bytes);
  return mprotect(at, bytes, PROT_NONE) == 0 && madvise(at, bytes, MADV_DONTNEED) == 0;
}

bool unguard(void* at, std::size_t bytes) {
  if (!known(at, bytes)) complain("unguard of what is not reserved");
  if (g_script.fails(kCallUnguard)) return false;
  if (!g_script.old_kernel) return kLinux.unguard(at, bytes);
  return mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0;
}

bool move(void* from, void* to, std::size_t bytes) {
  if (!known(from, bytes) || !known(to, bytes)) complain("move of what is not reserved");
  return !g_script.fails(kCallMove) && kLinux.move(from, to, bytes);
}

void release(void* at, std::size_t bytes) {
  forget(address_of(at), bytes);
  kLinux.release(at, bytes);
}

void sparse(void* at, std::size_t bytes) {
  if (!known(at, bytes)) complain("sparse hint for what is not reserved");
  kLinux.sparse(at, bytes);
}

bool light_guards() { return !g_script.old_kernel && kLinux.light_guards(); }
std::size_t address_limit() { return g_script.address_limit; }
u64 now_ms() { return g_script.now_ms; }
u64 entropy() { return 0x5eed; }

}  // namespace

Script& script() { return g_script; }

const Os kTestOs = [] {
  Os os = kLinux;
#if HAK_TSAN
  os.reserve = [](std::uintptr_t hint, std::size_t bytes) {
    return hint ? nullptr : kLinux.reserve(0, bytes);
  };
#endif
  return os;
}();

const Os kScripted = {.reserve = reserve,
                      .commit = commit,
                      .purge = purge,
                      .guard = guard,
                      .unguard = unguard,
                      .move = move,
                      .release = release,
                      .sparse = sparse,
                      .light_guards = light_guards,
                      .address_limit = address_limit,
                      .now_ms = now_ms,
                      .entropy = entropy};

}  // namespace hak::test
