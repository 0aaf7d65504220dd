// Every form of operator new and delete, and the handler that they call.
#include <new>

#include "system/c_abi.h"
#include "system/kernel_os.h"
#include "system/prefixed.h"

namespace hak::props {
namespace {

unsigned g_calls = 0;
u64 g_calls_left = 0;

void throw_at_once() {
  ++g_calls;
  throw std::bad_alloc();
}

void go_in_time() {
  ++g_calls;
  if (--g_calls_left) return;
  KernelOs::disarm();
  std::set_new_handler(nullptr);
}

void* call_new(NewForm form, std::size_t bytes, std::size_t alignment) {
  switch (form) {
    case NewForm::kNew: return hk_new_throwing(bytes);
    case NewForm::kNewArray: return hk_new_array_throwing(bytes);
    case NewForm::kNothrow: return hk_new(bytes, &std::nothrow);
    case NewForm::kNothrowArray: return hk_new_array(bytes, &std::nothrow);
    case NewForm::kAligned: return hk_new_aligned_throwing(bytes, alignment);
    case NewForm::kAlignedArray: return hk_new_array_aligned_throwing(bytes, alignment);
    case NewForm::kAlignedNothrow: return hk_new_aligned(bytes, alignment, &std::nothrow);
    default: return hk_new_array_aligned(bytes, alignment, &std::nothrow);
  }
}

void call_delete(DeleteForm form, void* p, std::size_t bytes, std::size_t alignment) {
  switch (form) {
    case DeleteForm::kPlain: return hk_delete(p);
    case DeleteForm::kNothrow: return hk_delete_nothrow(p, &std::nothrow);
    case DeleteForm::kSized: return hk_delete_sized(p, bytes);
    case DeleteForm::kAligned: return hk_delete_aligned(p, alignment);
    case DeleteForm::kAlignedNothrow: return hk_delete_aligned_nothrow(p, alignment, &std::nothrow);
    default: return hk_delete_sized_aligned(p, bytes, alignment);
  }
}

void call_delete_array(DeleteForm form, void* p, std::size_t bytes, std::size_t alignment) {
  switch (form) {
    case DeleteForm::kPlain: return hk_delete_array(p);
    case DeleteForm::kNothrow: return hk_delete_array_nothrow(p, &std::nothrow);
    case DeleteForm::kSized: return hk_delete_array_sized(p, bytes);
    case DeleteForm::kAligned: return hk_delete_array_aligned(p, alignment);
    case DeleteForm::kAlignedNothrow: return hk_delete_array_aligned_nothrow(p, alignment, &std::nothrow);
    default: return hk_delete_array_sized_aligned(p, bytes, alignment);
  }
}

}  // namespace

void CAbiSystem::set_handler(Handler handler, u64 calls) {
  KernelOs::disarm();
  g_calls_left = calls ? calls : 1;
  if (handler == Handler::kLift) KernelOs::fail_always(OsCall::kCommit);
  std::set_new_handler(handler == Handler::kNone ? nullptr : handler == Handler::kThrow ? throw_at_once : go_in_time);
}

NewResult CAbiSystem::allocate_new(unsigned thread, NewForm form, std::size_t alignment, std::size_t bytes) {
  g_calls = 0;
  NewResult result = in(thread, [=] {
    NewResult made_here;
    try {
      made_here.p = call_new(form, bytes, alignment);
    } catch (const std::bad_alloc&) {
      made_here.threw = true;
    }
    return made_here;
  });
  made(result.p);
  result.handler_calls = g_calls;
  return result;
}

void CAbiSystem::delete_form(unsigned thread, DeleteForm form, bool array, void* p, std::size_t bytes,
                             std::size_t alignment) {
  in(thread, [=] {
    array ? call_delete_array(form, p, bytes, alignment) : call_delete(form, p, bytes, alignment);
    return 0;
  });
}

}  // namespace hak::props
